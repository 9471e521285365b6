"""Machines that have no IPv4 address of their own compile, listen where they are reached, and let clients in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.sandbox import running

from .catalogs import Catalog, Node
from .conftest import Compile
from .test_firewall import rules, ruleset
from .test_load_balancer import config, servers

COMMON = """
flask_microservice::services:
  orders: {port: 7001, upstreams: [inventory]}
  inventory: {port: 7002}
  old: {port: 7003, address: '0.0.0.0'}
  stored: {port: 7004, database: postgresql}
flask_microservice::versions: {orders: '1', inventory: '1', old: '1', stored: '1'}
flask_microservice::secrets: {stored: {database: {password: hush}}}
flask_microservice::database: {host: db.example.test, address: '2001:db8::41', ca_file: /etc/ssl/ca.pem}
fleet::network: ['2001:db8::/64']
flask_microservice::balancers: ['2001:db8::51']
profile::database::clients: ['2001:db8::30/124', '2001:db8::7']
"""
LOOPBACK = {"bindings": [{"address": "127.0.0.1"}], "ip": "127.0.0.1", "ip6": "::1"}


def networking(name: str, address: str, *, primary: bool = True, **more: Any) -> dict[str, Any]:
    """The fact; Facter finds no primary interface where an address is of the site alone."""
    host, _, domain = name.partition(".")
    interfaces = {"lo": LOOPBACK, "eth0": {"ip6": address, "scope6": "global"}}
    found = {"hostname": host, "domain": domain, "fqdn": name, "interfaces": interfaces}
    return {"networking": found | ({"primary": "eth0", "ip6": address} if primary else {}) | more}


def node(name: str, role: str, facts: dict[str, Any], more: str = "") -> Node:
    certname = f"{name}.example.test"
    nothing = "---\n{}\n"
    hiera = {"services/orders.yaml": COMMON, "services/inventory.yaml": nothing, "tiers/six.yaml": more or nothing}
    return Node(certname=certname, role=role, tier="six", hiera=hiera, facts=facts)


NODES = {
    "app": node("app1", "app", networking("app1.example.test", "2001:db8::31")),
    "site": node("app2", "app", networking("app2.example.test", "fd00::32", primary=False)),
    "both": node("app3", "app", networking("app3.example.test", "2001:db8::33", ip="192.0.2.33")),
    "told": node(
        "app4", "app", networking("app4.example.test", "fe80::1", primary=False),
        "profile::load_balancer::members::address: '2001:db8::34'\n",
    ),
    "link": node("app5", "app", networking("app5.example.test", "fe80::1")),
    "balancer": node("lb", "load_balancer", networking("lb.example.test", "2001:db8::51")),
    "database": node("db", "database", networking("db.example.test", "2001:db8::41")),
    "link database": node("db2", "database", networking("db2.example.test", "fe80::1")),
}  # fmt: skip


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    return dict(zip(NODES, compile(list(NODES.values())), strict=True))


def unit(catalog: Catalog, name: str) -> list[str]:
    return str(catalog[f"File[/etc/systemd/system/{name}@.service]"]["content"]).splitlines()


def test_each_machine_is_behind_the_balancer_at_an_address_that_it_has(catalogs: dict[str, Catalog]) -> None:
    found = [line.split()[1:3] for line in servers(catalogs["balancer"], "orders")]
    assert found == [
        ["app1.example.test", "[2001:db8::31]:7001"],
        ["app2.example.test", "[fd00::32]:7001"],
        ["app3.example.test", "192.0.2.33:7001"],
        ["app4.example.test", "[2001:db8::34]:7001"],
    ]


def test_a_service_listens_where_its_machine_is_reached(catalogs: dict[str, Catalog]) -> None:
    """On 0.0.0.0, the balancer would be refused each connection."""
    for name in ("app", "site", "told"):
        assert "ListenStream=[::]:7001" in unit(catalogs[name], "orders")
        assert "ListenStream=0.0.0.0:7003" in unit(catalogs[name], "old")
    assert "ListenStream=0.0.0.0:7001" in unit(catalogs["both"], "orders")


def test_an_upstream_of_the_same_machine_is_asked_where_it_listens(catalogs: dict[str, Catalog]) -> None:
    file = "File[/etc/orders/default_config.ini]"
    assert "inventory = http://[::1]:7002\n" in catalogs["app"][file]["content"]
    assert "inventory = http://127.0.0.1:7002\n" in catalogs["both"][file]["content"]


def test_clients_are_let_in_by_rules_that_nft_takes(
    catalogs: dict[str, Catalog], check_rules: Callable[[Path], None], tmp_path: Path
) -> None:
    assert ("ip6", "2001:db8::51", "tcp dport 7001") in rules(catalogs["app"])["orders"]
    assert rules(catalogs["balancer"])["orders"] == {("ip6", "2001:db8::/64", "tcp dport 7001")}
    assert ("ip6", "2001:db8::30/124", "tcp dport 5432") in rules(catalogs["database"])["postgresql"]
    for name in ("app", "balancer", "database"):
        (tmp_path / f"{name}.nft").write_text(ruleset(catalogs[name]), encoding="utf-8")
    check_rules(tmp_path)


def test_haproxy_takes_the_balancers_configuration(
    catalogs: dict[str, Catalog], eyaml_keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "haproxy.cfg").write_text(config(catalogs["balancer"]), encoding="utf-8")
    reads = {
        tmp_path: "/balancer",
        eyaml_keys / "public_key.pkcs7.pem": "/etc/haproxy/fleet.pem",
        eyaml_keys / "private_key.pkcs7.pem": "/etc/haproxy/fleet.pem.key",
    }
    running.run("node", ["haproxy", "-c", "-f", "/balancer/haproxy.cfg"], reads=reads, root=True)


def test_the_database_listens_on_its_address_and_lets_in_the_services(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["database"]
    assert catalog["Class[Postgresql::Server]"]["listen_addresses"] == "2001:db8::41"
    allowed = {catalog[f"Postgresql::Server::Pg_hba_rule[stored from {client}]"]["address"]
               for client in ("2001:db8::30/124", "2001:db8::7")}  # fmt: skip
    assert allowed == {"2001:db8::30/124", "2001:db8::7/128"}
    stored = catalogs["app"]["File[/etc/stored/default_config.ini]"]["content"]
    assert "@db.example.test/stored?hostaddr=2001%3Adb8%3A%3A41&" in stored
    assert "IPAddressAllow=2001:db8::41" in unit(catalogs["app"], "stored")


@pytest.mark.parametrize(
    ("name", "certname", "key"),
    [
        ("link", "app5.example.test", "profile::load_balancer::members::address"),
        ("link database", "db2.example.test", "profile::database::address"),
    ],
)
def test_a_machine_that_nobody_can_reach_is_told_what_to_say(
    catalogs: dict[str, Catalog], name: str, certname: str, key: str
) -> None:
    said = f"the facts of {certname} have no address at which others reach it: say in Hiera, as {key}, which one it is"
    assert said in catalogs[name].error
