"""A machine lets in what is declared, from where it is declared, and nothing else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_cli.repository import labfile

from .catalogs import Catalog, Node
from .conftest import Compile

SERVICES = """
flask_microservice::services:
  orders: {port: 7001}
  gone: {port: 7002, ensure: absent}
  inside: {port: 7003, address: 127.0.0.1}
  socket: {socket: /run/socket/http.sock}
flask_microservice::versions: {orders: '1.0-1', inside: '1.0-1', socket: '1.0-1'}
"""
TIER = """
profile::microservices::clients: [192.0.2.50, '2001:db8::/64', 192.0.2.50]
flask_microservice::balancers: [192.0.2.51, '2001:db8:1::51', 192.0.2.51, 192.0.2.50]
profile::firewall::ssh_clients: [198.51.100.0/24]
profile::firewall::rules:
  statsd: {port: 8125, protocol: udp, clients: [192.0.2.7]}
"""
RULE = re.compile(
    r'(?P<family>ip6?) saddr (?P<client>\S+) (?P<port>(?:tcp|udp) dport \d+) accept comment "(?P<name>.+)"'
)


def node(tier: str = TIER, role: str = "app") -> Node:
    return Node(
        role=role,
        tier="test",
        hiera={
            "services/orders.yaml": SERVICES,
            "services/inventory.yaml": "---\nflask_microservice::balancers: [192.0.2.52]\n",
            "tiers/test.yaml": tier,
        },
    )


def ruleset(catalog: Catalog) -> str:
    """The file that nft loads, put together from its fragments as concat does it."""
    fragments = [
        resource
        for resource in catalog
        if resource.reference.startswith("Concat::Fragment[firewall: ") and resource["target"] == "/etc/nftables.conf"
    ]
    return "".join(fragment["content"] for fragment in sorted(fragments, key=lambda one: str(one["order"])))


def rules(catalog: Catalog) -> dict[str, set[tuple[str, str, str]]]:
    """What each rule with a client lets in: (family, client, port)."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for line in ruleset(catalog).splitlines():
        match = RULE.fullmatch(line.strip())
        if match:
            found.setdefault(match["name"], set()).add((match["family"], match["client"], match["port"]))
    return found


@pytest.fixture(scope="module")
def catalog(compile: Compile) -> Catalog:
    (catalog,) = compile([node()])
    return catalog


def test_a_port_is_open_to_those_who_are_declared_and_nothing_else_is(catalog: Catalog) -> None:
    found = rules(catalog)
    # And those of the layers below, of this repository: the machine that tests them.
    assert found.pop("orders") - {("ip", "10.77.0.1", "tcp dport 7001")} == {
        ("ip", "192.0.2.50", "tcp dport 7001"),
        ("ip", "192.0.2.51", "tcp dport 7001"),
        ("ip", "192.0.2.52", "tcp dport 7001"),
        ("ip6", "2001:db8::/64", "tcp dport 7001"),
        ("ip6", "2001:db8:1::51", "tcp dport 7001"),
    }
    assert found == {
        "ssh": {("ip", "198.51.100.0/24", "tcp dport 22")},
        "statsd": {("ip", "192.0.2.7", "udp dport 8125")},
    }


def test_services_are_told_who_is_a_balancer_and_none_is_restarted_for_it(catalog: Catalog) -> None:
    """Of who is not in the file, a service serves no more than a part at a time."""
    file = catalog["File[/etc/flask-microservice/balancers]"]
    lines = [line for line in file["content"].splitlines() if not line.startswith("#")]
    assert lines == ["192.0.2.51", "2001:db8:1::51", "192.0.2.50", "192.0.2.52"]
    assert (file["owner"], file["group"], file["mode"]) == ("root", "root", "0644")
    assert not file.references("notify")
    unit = catalog["File[/etc/systemd/system/orders@.service]"]["content"]
    assert "\nEnvironment=FLASK_MICROSERVICE_BALANCERS=/etc/flask-microservice/balancers\n" in unit


def test_the_port_of_a_removed_service_is_closed_after_it_has_drained(catalog: Catalog) -> None:
    assert "Concat[/etc/nftables.conf]" in catalog["Flask_microservice::Service[gone]"].references("before")
    # What is refused of a release that runs on must not keep the rules from being put in place.
    assert "Concat[/etc/nftables.conf]" not in catalog["Flask_microservice::Service[orders]"].references("before")


def test_all_else_that_comes_in_is_dropped_but_answers_and_errors(catalog: Catalog) -> None:
    text = ruleset(catalog)
    assert "type filter hook input priority filter; policy drop;" in text
    accepted = [line.strip() for line in text.splitlines() if "accept" in line and not RULE.fullmatch(line.strip())]
    assert [line for line in accepted if "icmp" not in line] == [
        "ct state established,related accept",
        'iifname "lo" accept',
        'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "answers of a DHCPv6 server"',
    ]
    assert "hook output" not in text
    assert "hook forward" not in text


def test_the_rules_of_others_are_left_alone(catalog: Catalog) -> None:
    # Debian's own file begins with `flush ruleset`.
    lines = [line for line in ruleset(catalog).splitlines() if line and not line.startswith((" ", "#", "}"))]
    assert lines == ["table inet fleet", "delete table inet fleet", "table inet fleet {"]


def test_rules_are_checked_loaded_without_a_gap_and_there_after_a_reboot(catalog: Catalog) -> None:
    file, service = catalog["Concat[/etc/nftables.conf]"], catalog["Service[nftables]"]
    assert file["validate_cmd"] == "/usr/sbin/nft --check --file %"
    assert file.references("notify") == {"Service[nftables]"}
    assert (service["ensure"], service["enable"]) == ("running", True)
    assert service["restart"] == "systemctl reload-or-restart nftables.service"


def test_nobody_can_lock_everyone_out_by_hiera(compile: Compile) -> None:
    (catalog,) = compile([node("profile::firewall::ssh_clients: []\n")])
    assert "'ssh_clients'" in catalog.error


def test_nft_takes_the_rules_of_every_box(
    lab: labfile.Lab, lab_catalogs: dict[str, Catalog], check_rules: Callable[[Path], None], tmp_path: Path
) -> None:
    for box in (lab.server, *lab.nodes):
        (tmp_path / f"{box.name}.nft").write_text(ruleset(lab_catalogs[box.certname]), encoding="utf-8")
    check_rules(tmp_path)


def test_every_box_of_the_lab_lets_in_what_its_role_is_for(lab: labfile.Lab, lab_catalogs: dict[str, Catalog]) -> None:
    network, operators = str(lab.network), lab.box("ops1").address
    for box in (lab.server, *lab.nodes):
        found = rules(lab_catalogs[box.certname])
        assert found.pop("ssh") == {("ip", client, "tcp dport 22") for client in (lab.gateway, operators)}
        if box.role == "puppetserver":
            assert found == {
                "puppetserver": {("ip", network, "tcp dport 8140")},
                "apt repository": {("ip", network, "tcp dport 80")},
            }
        if box.role == "database":
            assert found.keys() == {"postgresql"}
        if box.role == "app":
            assert found.keys() == lab_catalogs[box.certname].titles("Flask_microservice::Service")
            balancers = {one.address for one in lab.nodes if (one.role, one.tier) == ("load_balancer", box.tier)}
            clients = {client for rule in found.values() for _, client, _ in rule}
            assert clients == {lab.gateway, *balancers}
        if box.role == "load_balancer":
            assert {rule for allowed in found.values() for rule in allowed} == {
                ("ip", network, "tcp dport 7001"), ("ip", network, "tcp dport 7002"),
            }  # fmt: skip
