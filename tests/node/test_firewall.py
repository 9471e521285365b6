"""What is open on a box is what is declared, and for those only for whom it is declared."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from deployed import LAB, Deployed, connect
from fleet_cli import puppetdb, ssh
from fleet_cli.labfile import Box
from testinfra.host import Host

UNDECLARED_PORT = 9999
# Exit status 0 if something accepts, 1 if somebody says no, 124 if nobody answers.
TRY = "timeout 2 bash -c '</dev/tcp/{address}/{port}'"


@pytest.fixture
def guarded(box: Box) -> Host:
    """A box whose newest catalog has a firewall."""
    rows = puppetdb.query(
        LAB, f'resources[title] {{ certname = "{box.certname}" and type = "Class" and title = "Profile::Firewall" }}'
    )
    assert rows, f"{box.name} has no firewall"
    return connect(box)


@contextmanager
def listening(box: Box, port: int) -> Iterator[None]:
    """Something that a person started on a box, on all its addresses."""
    unit = f"probe-{port}.socket"
    node = connect(box)
    node.check_output(f"systemd-run --quiet --unit=probe-{port} --socket-property=ListenStream={port} /bin/true")
    try:
        assert node.run(TRY.format(address="127.0.0.1", port=port)).rc == 0, "nothing listens: there is nothing to test"
        yield
    finally:
        node.check_output(f"systemctl stop {unit}")


def reaches(source: Box, target: Box, port: int) -> bool:
    """Whether a box gets a connection to a port of another one."""
    command = TRY.format(address=target.address, port=port)
    return ssh.run(source, ["sh", "-c", command], check=False).returncode == 0


def other(box: Box) -> Box:
    """A box of the same role, or any other."""
    return next(
        (one for one in LAB.nodes if one.role == box.role and one != box),
        next(one for one in LAB.nodes if one != box),
    )


def test_an_undeclared_port_is_not_reachable(box: Box, guarded: Host) -> None:
    assert guarded.service("nftables").is_enabled, "after a reboot everything would be open"
    with listening(box, UNDECLARED_PORT):
        assert not reaches(other(box), box, UNDECLARED_PORT)


def test_what_listens_on_the_network_is_declared_or_closed(guarded: Host) -> None:
    loaded = guarded.check_output("nft list table inet fleet")
    assert "policy drop" in loaded
    opened = {int(port) for port in re.findall(r"dport (\d+) accept", loaded)}
    listens = {
        int(line.split()[3].rpartition(":")[2])
        for line in guarded.check_output("ss -Hltn").splitlines()
        if not line.split()[3].startswith(("127.", "[::1]", "[::ffff:127."))
    }
    tcp = {int(port) for port in re.findall(r"tcp dport (\d+) accept", loaded)}
    assert tcp == opened
    assert tcp <= listens, "a port is open that nothing listens on"


def test_a_service_is_reached_by_its_balancer_and_by_no_other_node(service: Deployed) -> None:
    port = int(service.parameters["port"])
    for balancer in (one for one in LAB.nodes if one.role == "load_balancer" and one.tier == service.box.tier):
        assert reaches(balancer, service.box, port)
    stranger = next(one for one in LAB.nodes if one.role == "app" and one != service.box)
    assert not reaches(stranger, service.box, port), f"{stranger.name} reaches {service.name} on {service.box.name}"


def test_a_database_is_reached_by_the_nodes_of_its_tier_only() -> None:
    servers = [one for one in LAB.nodes if one.role == "database"]
    assert servers
    for server in servers:
        apps = [one for one in LAB.nodes if one.role == "app"]
        reached = {one.name for one in apps if reaches(one, server, 5432)}
        assert reached == {one.name for one in apps if one.tier == server.tier}


def test_a_table_of_someone_else_stays(box: Box, guarded: Host) -> None:
    guarded.check_output("nft add table inet others")
    try:
        guarded.check_output("systemctl reload nftables")
        assert "table inet others" in guarded.check_output("nft list tables")
    finally:
        guarded.check_output("nft delete table inet others")
    assert reaches(other(box), box, 22)


def test_rules_that_nft_refuses_change_nothing(guarded: Host) -> None:
    before = guarded.check_output("nft list table inet fleet")
    guarded.check_output("cp -a /etc/nftables.conf /root/nftables.conf")
    try:
        guarded.check_output("echo 'table inet fleet { nonsense }' >> /etc/nftables.conf")
        assert guarded.run("systemctl reload nftables").rc != 0
        assert guarded.check_output("nft list table inet fleet") == before
    finally:
        guarded.check_output("mv /root/nftables.conf /etc/nftables.conf && systemctl reload nftables")
