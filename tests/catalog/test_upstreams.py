"""A service reaches its upstreams wherever they run, by a name that it can verify, and connects to nothing else."""

import configparser

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

NOTHING = "---\n{}\n"
SERVICES = """
flask_microservice::services:
  orders: {port: 7001, upstreams: [inventory, prices, legacy]}
  shop: {port: 7002, application: 'shop:app', upstreams: [inventory], peers: [192.0.2.9], environment: {TZ: UTC}}
  careful: {port: 7003, upstreams: [inventory], through: balancer}
  alone: {port: 7004}
  inventory: {port: 7010, nodes: [stock1.example.test]}
  prices: {port: 7011, nodes: [stock1.example.test]}
flask_microservice::versions:
  {orders: 1.0-1, shop: 1.0-1, careful: 1.0-1, alone: 1.0-1, inventory: 1.0-1, prices: 1.0-1}
"""
TIER = """
flask_microservice::gateways:
  lb1.example.test: {address: 192.0.2.51, ca_file: /etc/ssl/ca.pem, except: [prices], internal: [inventory]}
  lb2.example.test: {address: '2001:db8::52', ca_file: /etc/ssl/ca.pem, only: [prices]}
flask_microservice::external:
  legacy: {url: 'http://legacy.example.org:8080/api', addresses: [192.0.2.80, 192.0.2.81]}
profile::load_balancer::nodes: [192.0.2.0/24]
"""


def node(certname: str, role: str = "app", *, services: str = SERVICES, tier: str = TIER) -> Node:
    return Node(
        certname=certname,
        role=role,
        tier="test",
        hiera={
            "services/orders.yaml": services,
            "services/inventory.yaml": NOTHING,
            "tiers/test.yaml": tier,
            "secrets/test.yaml": NOTHING,
        },
    )


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    roles = {"app1": "app", "stock1": "app", "lb1": "load_balancer", "lb2": "load_balancer"}
    compiled = compile([node(f"{name}.example.test", role) for name, role in roles.items()])
    assert not [catalog.error for catalog in compiled if catalog.error]
    return dict(zip(roles, compiled, strict=True))


def upstreams(catalog: Catalog, service: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog[f"File[/etc/{service}/default_config.ini]"]["content"])
    return dict(parser["upstreams"])


def unit(catalog: Catalog, service: str) -> list[str]:
    text: str = catalog[f"File[/etc/systemd/system/{service}@.service]"]["content"]
    return text.splitlines()


def test_an_upstream_of_the_same_node_is_asked_there_and_one_of_another_node_at_the_balancer(
    catalogs: dict[str, Catalog],
) -> None:
    assert upstreams(catalogs["stock1"], "orders") == {
        "inventory": "http://127.0.0.1:7010",
        "prices": "http://127.0.0.1:7011",
        "legacy": "http://legacy.example.org:8080/api",
    }
    assert upstreams(catalogs["app1"], "orders") == {
        "inventory": "https://lb1.example.test:7010",
        "prices": "https://lb2.example.test:7011",
        "legacy": "http://legacy.example.org:8080/api",
    }


def test_a_foreign_application_is_told_the_same(catalogs: dict[str, Catalog]) -> None:
    assert upstreams(catalogs["app1"], "shop") == {"inventory": "https://lb1.example.test:7010"}
    assert upstreams(catalogs["stock1"], "shop") == {"inventory": "http://127.0.0.1:7010"}


def test_a_service_that_says_so_always_asks_the_balancer(catalogs: dict[str, Catalog]) -> None:
    assert upstreams(catalogs["stock1"], "careful") == {"inventory": "https://lb1.example.test:7010"}


def test_a_service_may_connect_to_the_balancers_that_it_asks_and_no_further(catalogs: dict[str, Catalog]) -> None:
    app = catalogs["app1"]
    assert "IPAddressAllow=192.0.2.51 2001:db8::52 192.0.2.80 192.0.2.81" in unit(app, "orders")
    assert "IPAddressAllow=192.0.2.9 192.0.2.51" in unit(app, "shop")
    assert "IPAddressAllow=" not in "\n".join(unit(app, "alone"))
    assert "IPAddressAllow=192.0.2.9 127.0.0.1" in unit(catalogs["stock1"], "shop")


def test_a_service_may_connect_to_no_other_port_of_whom_it_asks(catalogs: dict[str, Catalog]) -> None:
    """On its own node there are sshd and all the other services, at the same address."""
    app = catalogs["app1"]
    assert "Peers=192.0.2.51:7010 [2001:db8::52]:7011 192.0.2.80:8080 192.0.2.81:8080" in unit(app, "orders")
    assert "Peers=192.0.2.9 192.0.2.51:7010" in unit(app, "shop")
    assert "Peers=" in unit(app, "alone")
    assert "Peers=192.0.2.9 127.0.0.1:7010" in unit(catalogs["stock1"], "shop")


def test_the_port_of_an_external_upstream_is_that_of_its_url(compile: Compile) -> None:
    urls = {
        "http://a.example.org": 80,
        "https://b.example.org/api": 443,
        "http://[2001:db8::9]:81/x": 81,
        "http://c:82": 82,
    }
    external = {f"up{number}": url for number, url in enumerate(urls)}
    tier = "flask_microservice::external:\n" + "".join(
        f"  {name}: {{url: '{url}', addresses: [192.0.2.80]}}\n" for name, url in external.items()
    )
    services = (
        f"flask_microservice::services: {{orders: {{port: 7001, version: '1-1', upstreams: [{', '.join(external)}]}}}}"
    )
    (catalog,) = compile([node("app1.example.test", services=services, tier=tier)])
    assert f"Peers={' '.join(f'192.0.2.80:{port}' for port in urls.values())}" in unit(catalog, "orders")


def test_a_service_verifies_the_balancer_with_the_file_of_its_authority(catalogs: dict[str, Catalog]) -> None:
    app = catalogs["app1"]
    assert 'Environment="REQUESTS_CA_BUNDLE=/etc/ssl/ca.pem"' in unit(app, "orders")
    assert {'Environment="REQUESTS_CA_BUNDLE=/etc/ssl/ca.pem"', 'Environment="TZ=UTC"'} <= set(unit(app, "shop"))
    assert not any("REQUESTS_CA_BUNDLE" in line for line in unit(catalogs["stock1"], "shop"))


def test_the_names_of_upstreams_are_found_without_a_name_server(catalogs: dict[str, Catalog]) -> None:
    lines = {
        resource["line"]: resource.references("before")
        for resource in catalogs["app1"]
        if resource.reference.startswith("File_line[") and resource["path"] == "/etc/hosts"
    }
    assert set(lines) == {
        "192.0.2.51 lb1.example.test # flask_microservice lb1.example.test",
        "2001:db8::52 lb2.example.test # flask_microservice lb2.example.test",
        "192.0.2.80 legacy.example.org # flask_microservice legacy.example.org",
    }
    assert (
        "Flask_microservice::Service[shop]"
        in lines["192.0.2.51 lb1.example.test # flask_microservice lb1.example.test"]
    )


def test_each_balancer_is_in_front_of_what_the_nodes_take_it_for(catalogs: dict[str, Catalog]) -> None:
    first = catalogs["lb1"].titles("Profile::Load_balancer::Service")
    assert first == {"orders", "shop", "careful", "alone", "inventory"}
    assert catalogs["lb2"].titles("Profile::Load_balancer::Service") == {"prices"}


def test_an_internal_service_is_reached_by_nodes_alone(catalogs: dict[str, Catalog]) -> None:
    allow = {name: catalogs["lb1"][f"Profile::Firewall::Allow[{name}]"]["clients"] for name in ("inventory", "orders")}
    assert allow == {"inventory": ["192.0.2.0/24"], "orders": ["10.77.0.0/24", "192.0.2.0/24"]}


HERE = (
    "{orders: {port: 7001, version: 1.0-1, upstreams: [inventory]%s}, "
    "inventory: {port: 7002, version: 1.0-1, nodes: [%s]%s}}"
)
ELSEWHERE = "far.example.test"
BALANCER = "flask_microservice::gateways: {lb1.example.test: {address: 192.0.2.51, ca_file: /ca.pem%s}}\n"
WRONG = {
    "neither here nor balanced": (
        HERE % ("", ELSEWHERE, ""), "",
        "service orders has the upstream inventory, which does not run on app1.example.test, and no balancer in "
        "flask_microservice::gateways is in front of it: declare one, or mend 'upstreams' in "
        "flask_microservice::services (orders)",
    ),
    "balanced, but for this one": (
        HERE % ("", ELSEWHERE, ""), BALANCER % ", except: [inventory]",
        "service orders has the upstream inventory, which does not run on app1.example.test, and no balancer",
    ),
    "among those that are not balanced": (
        HERE % ("", ELSEWHERE, ""), BALANCER % ", only: [orders]",
        "service orders has the upstream inventory, which does not run on app1.example.test, and no balancer",
    ),
    "through a balancer that there is not": (
        HERE % (", through: balancer", "'*'", ""), "",
        "service orders has the upstream inventory, which is asked through the balancer from app1.example.test "
        "('through' in flask_microservice::services (orders)), and no balancer in flask_microservice::gateways is in "
        "front of it",
    ),
    "elsewhere, on a loopback address": (
        HERE % ("", ELSEWHERE, ", address: 127.0.0.1"), BALANCER % "",
        "service orders has the upstream inventory, which only its own node can reach: mend 'address' in "
        "flask_microservice::services (inventory)",
    ),
    "in a group without nodes": (
        HERE % ("", "none", ""), BALANCER % "" + "flask_microservice::groups: {none: []}\n",
        "service orders has the upstream inventory, which is no service of this node",
    ),
    "declared twice": (
        HERE % ("", "'*'", ""),
        "flask_microservice::external: {inventory: {url: 'http://192.0.2.7', addresses: [192.0.2.7]}}\n",
        "service orders has the upstream inventory, which is in flask_microservice::services and in "
        "flask_microservice::external: drop one of them",
    ),
    "two authorities": (
        (HERE % ("", ELSEWHERE, "")).replace("[inventory]", "[inventory, legacy]"),
        BALANCER % "" + "flask_microservice::external: "
        "{legacy: {url: 'https://legacy.example.org', addresses: [192.0.2.7], ca_file: /other.pem}}\n",
        "service orders has upstreams whose certificates are of different authorities (ca_file: /ca.pem, /other.pem): "
        "put their certificates into one file, and name it in 'environment' (REQUESTS_CA_BUNDLE) in "
        "flask_microservice::services (orders)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("services", "more", "message"), WRONG.values(), ids=WRONG)
def test_an_upstream_that_can_not_be_asked_is_explained(
    services: str, more: str, message: str, compile: Compile
) -> None:
    (catalog,) = compile(
        [node("app1.example.test", services=f"flask_microservice::services: {services}\n", tier=more or NOTHING)]
    )
    assert message in catalog.error


def test_an_address_needs_no_name(compile: Compile) -> None:
    services = (
        "flask_microservice::services: {orders: {port: 7001, version: 1.0-1, upstreams: [legacy, modern]}}\n"
        "flask_microservice::external:\n"
        "  legacy: {url: 'http://192.0.2.7:80', addresses: [192.0.2.7]}\n"
        "  modern: {url: 'http://[2001:db8::7]/api', addresses: ['2001:db8::7']}\n"
    )
    (catalog,) = compile([node("app1.example.test", services=services, tier=NOTHING)])
    assert not any(resource.reference.startswith("File_line[flask_microservice") for resource in catalog)
    assert upstreams(catalog, "orders") == {"legacy": "http://192.0.2.7:80", "modern": "http://[2001:db8::7]/api"}


def test_a_balancer_that_can_not_be_asked_as_nodes_ask_it_is_refused(compile: Compile) -> None:
    wrong = "profile::load_balancer::tls: false\nprofile::load_balancer::except: [orders]\n"
    tier = TIER.replace("profile::load_balancer::nodes: [192.0.2.0/24]\n", "") + wrong
    (catalog,) = compile([node("lb1.example.test", "load_balancer", tier=tier)])
    for message in (
        "nodes reach it by HTTPS, as flask_microservice::gateways (lb1.example.test) has it: drop "
        "'profile::load_balancer::tls: false'",
        "nodes don't know of profile::load_balancer::except: say it as 'except' in flask_microservice::gateways "
        "(lb1.example.test)",
        "nobody could reach its internal services: say in profile::load_balancer::nodes from where nodes connect",
    ):
        assert message in catalog.error
