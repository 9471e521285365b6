"""A node has the services that are placed on it, all that goes with them, and nothing of any other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .catalogs import Catalog, Node
from .conftest import Compile

PATTERNS = yaml.safe_load(Path(__file__).parents[1].joinpath("node_patterns.yaml").read_text(encoding="utf-8"))
NOTHING = "---\n{}\n"
SERVICES = """
flask_microservice::services:
  orders: {port: 7001, secrets: {app: [secret_key]}}
  billing:
    port: 7002
    nodes: [payments, archive]
    database: postgresql
    secrets: {app: [secret_key]}
    secret_environment: [TOKEN]
  ledger: {port: 7002, package: books, nodes: ['app[3-4].example.test']}
  statements: {port: 7003, nodes: [archive], database: postgresql}
  dismissed: {port: 7004, nodes: [payments], ensure: absent}
flask_microservice::groups: {all: ['*'], payments: [pay1.example.test]}
"""
TIER = """
flask_microservice::groups: {archive: [], payments: ['pay[8-9].example.test']}
flask_microservice::versions: {orders: 1.0-1, billing: 1.0-1, books: 1.0-1, ledger: 1.0-1, statements: 1.0-1}
flask_microservice::database: {host: db.example.test, address: 192.0.2.41, ca_file: /etc/ssl/ca.pem}
profile::database::clients: [192.0.2.16/28]
profile::load_balancer::clients: [192.0.2.0/24]
flask_microservice::balancers: [192.0.2.51]
"""
BALANCED = """
flask_microservice::services:
  orders: {port: 7001}
  billing: {port: 7002, nodes: [payments]}
  statements: {port: 7003, nodes: [archive]}
flask_microservice::groups: {payments: [pay1.example.test]}
"""
SECRETS = """
flask_microservice::secrets:
  orders: {{app: {{secret_key: '{orders}'}}}}
  billing: {{app: {{secret_key: '{billing}'}}, database: {{password: '{billing}'}}}}
flask_microservice::secret_environment: {{billing: {{TOKEN: '{billing}'}}}}
"""


def node(certname: str, role: str = "app", *, services: str = SERVICES, tier: str = TIER, secrets: str = "") -> Node:
    return Node(
        certname=certname,
        role=role,
        tier="test",
        hiera={
            "services/orders.yaml": services,
            "services/inventory.yaml": NOTHING,
            "tiers/test.yaml": tier,
            "secrets/test.yaml": secrets or NOTHING,
        },
    )


@pytest.fixture(scope="module")
def catalogs(compile: Compile, encrypt: Callable[[str], str]) -> dict[str, Catalog]:
    secrets = SECRETS.format(orders=encrypt("secret-of-orders"), billing=encrypt("secret-of-billing"))
    names = {"app1": "app", "app4": "app", "pay1": "app", "pay9": "app", "db": "database"}
    nodes = [node(f"{name}.example.test", role, secrets=secrets) for name, role in names.items()]
    return dict(zip(names, compile(nodes), strict=True))


def services(catalog: Catalog) -> set[str]:
    return catalog.titles("Flask_microservice::Service")


def told(catalog: Catalog) -> str:
    """All that is in a catalog, as one text."""
    return json.dumps([[resource.reference, dict(resource.parameters)] for resource in catalog])


def test_a_node_runs_what_is_placed_on_it_and_what_has_no_place(catalogs: dict[str, Catalog]) -> None:
    assert services(catalogs["app1"]) == {"orders"}
    assert services(catalogs["app4"]) == {"orders", "ledger"}
    # Groups are merged over layers.
    assert services(catalogs["pay1"]) == services(catalogs["pay9"]) == {"orders", "billing", "dismissed"}


def test_packages_accounts_and_ports_of_a_service_are_only_where_it_runs(catalogs: dict[str, Catalog]) -> None:
    assert "Package[books]" in catalogs["app4"]
    assert "User[billing]" in catalogs["pay1"]
    assert "dport 7002" in catalogs["pay1"]["Concat::Fragment[firewall: microservices]"]["content"]
    assert "dport 7002" not in catalogs["app1"]["Concat::Fragment[firewall: microservices]"]["content"]


@pytest.mark.parametrize("name", ["ledger", "books", "statements", "dismissed", "billing"])
def test_a_catalog_has_no_word_of_a_service_that_runs_elsewhere(name: str, catalogs: dict[str, Catalog]) -> None:
    assert name not in told(catalogs["app1"])


def test_a_secret_goes_only_to_where_its_service_runs(catalogs: dict[str, Catalog]) -> None:
    assert "secret-of-billing" in told(catalogs["pay1"])
    assert "secret-of-billing" not in told(catalogs["app1"])
    assert "secret-of-orders" in told(catalogs["app1"])
    secret = {"secrets", "secret_environment"}
    assert catalogs["app1"]["Class[Flask_microservice]"].sensitive >= secret
    for resource in catalogs["pay1"]:
        for parameter, value in resource.parameters.items():
            assert "secret-of" not in str(value) or parameter in resource.sensitive, resource.reference


def test_the_balancer_is_in_front_of_what_the_tier_places_and_asks_the_nodes_that_run_it(
    compile: Compile,
) -> None:
    nodes = [node(f"{name}.example.test", services=BALANCED) for name in ("app1", "pay1")]
    balancer = node("lb.example.test", "load_balancer", services=BALANCED)
    catalog = compile([*nodes, balancer])[-1]
    assert catalog.titles("Profile::Load_balancer::Service") == {"orders", "billing"}
    members = catalog.titles("Profile::Load_balancer::Member")
    assert members == {"orders on app1.example.test", "orders on pay1.example.test", "billing on pay1.example.test"}


def test_the_database_has_logins_for_what_the_tier_places(catalogs: dict[str, Catalog]) -> None:
    assert catalogs["db"].titles("Postgresql::Server::Role") == {"billing"}


def test_what_is_wrong_with_a_service_is_wrong_only_where_it_runs(catalogs: dict[str, Catalog]) -> None:
    # billing and ledger share a port, on no node; statements has no password, and no node.
    assert not any(catalog.error for catalog in catalogs.values())


BAD_PLACES = {
    "a group that there is not": (
        "[payment]",
        "service orders is placed on 'payment', which is neither a group nor a certname: declare the group in "
        "flask_microservice::groups (payment: [CERTNAME], or [] where it has no nodes), or mend 'nodes' in "
        "flask_microservice::services (orders)",
    ),
    "a range that runs backward": (
        "['app[3-1].example.test']",
        "service orders is placed on 'app[3-1].example.test', whose range 3-1 runs backward: mend 'nodes' in "
        "flask_microservice::services (orders)",
    ),
    "a range of numbers of different lengths": (
        "['app[01-100].example.test']",
        "service orders is placed on 'app[01-100].example.test', whose range 01-100 has a leading zero and numbers of "
        "different lengths: mend 'nodes' in flask_microservice::services (orders)",
    ),
}


@pytest.mark.parametrize("role", ["app", "load_balancer", "database"])
@pytest.mark.parametrize(("nodes", "message"), BAD_PLACES.values(), ids=BAD_PLACES)
def test_a_place_that_can_not_be_is_explained_and_takes_a_service_from_no_node(
    nodes: str, message: str, role: str, compile: Compile
) -> None:
    declared = f"flask_microservice::services: {{orders: {{port: 7001, nodes: {nodes}}}}}\n"
    (catalog,) = compile([node("app1.example.test", role, services=declared)])
    assert message in catalog.error


def test_a_bad_certname_in_a_group_is_explained(compile: Compile) -> None:
    declared = "flask_microservice::services: {orders: {port: 7001, nodes: [payments]}}\n"
    groups = "flask_microservice::groups: {payments: [pay1]}\n"
    (catalog,) = compile([node("app1.example.test", services=declared + groups)])
    assert (
        "group payments has the node 'pay1', which is neither a group nor a certname: mend it in "
        "flask_microservice::groups"
    ) in catalog.error


def test_where_nodes_have_names_of_one_word_a_service_can_be_placed_by_them(compile: Compile) -> None:
    declared = "flask_microservice::services: {orders: {port: 7001, nodes: [app1]}}\n"
    here, elsewhere = compile([node("app1", services=declared), node("app2", services=declared)])
    assert (services(here), services(elsewhere)) == ({"orders"}, set())


def test_a_node_can_not_choose_its_place_by_what_it_says_of_itself(compile: Compile) -> None:
    facts = {
        "networking": {"hostname": "app4", "fqdn": "app4.example.test", "ip": "192.0.2.10"},
        "clientcert": "app4.example.test",
    }
    declared = "flask_microservice::services: {ledger: {port: 7002, nodes: [app4.example.test]}}\n"
    (catalog,) = compile([Node(**{**vars(node("app1.example.test", services=declared)), "facts": facts})])
    assert services(catalog) == set()


@pytest.fixture(scope="module")
def matched(compile: Compile) -> list[dict[str, bool]]:
    """By case and certname, whether Puppet finds a service with that pattern to be there."""
    cases = [{"pattern": case["pattern"], "names": case["matches"] + case["others"]} for case in PATTERNS]
    code = """
      notify { 'matched': message => $facts['cases'].map |$case| {
        Hash($case['names'].map |$name| {
          [$name, 'x' in flask_microservice::placement({ 'x' => { 'nodes' => [$case['pattern']] } }, {}, $name)['here']]
        })
      } }
    """
    (catalog,) = compile([Node(code=code, facts={"cases": cases})])
    found: list[dict[str, bool]] = catalog["Notify[matched]"]["message"]
    return found


@pytest.mark.parametrize("case", PATTERNS, ids=[case["pattern"] for case in PATTERNS])
def test_a_pattern_matches_what_it_says(case: dict[str, Any], matched: list[dict[str, bool]]) -> None:
    found = matched[PATTERNS.index(case)]
    assert {name for name, here in found.items() if here} == set(case["matches"])
