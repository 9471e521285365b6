"""What is open on a box is what is declared, and for those only for whom it is declared."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from deployed import FLEET, LAB, Deployed, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box
from testinfra.host import Host
from waiting import wait_for
from workspace import Workspace

UNDECLARED_PORT = 9999
# Exit status 0 if something accepts, 1 if somebody says no, 124 if nobody answers.
TRY = "timeout 2 bash -c '</dev/tcp/{address}/{port}'"


@pytest.fixture
def guarded(box: Box) -> Host:
    """A box whose newest catalog has a firewall."""
    rows = puppetdb.query(
        FLEET, f'resources[title] {{ certname = "{box.certname}" and type = "Class" and title = "Profile::Firewall" }}'
    )
    assert rows, f"{box.name} has no firewall"
    return connect(box)


@contextmanager
def listening(box: Box, port: int) -> Iterator[None]:
    """Something that a person started on a box, on all its addresses."""
    node = connect(box)
    command = f"python3 -m http.server {port} --directory /run/lock"
    node.check_output(f"systemd-run --quiet --collect --unit=probe-{port} {command}")
    try:
        connects = TRY.format(address="127.0.0.1", port=port)
        wait_for(lambda: node.run(connects).rc == 0, f"something listens on {box.name}")
        yield
    finally:
        node.check_output(f"systemctl stop probe-{port}.service")


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


def test_nobody_logs_in_from_node_to_node_or_with_a_password(box: Box, guarded: Host) -> None:
    """What has taken one node would try the others, and each password that it finds."""
    assert reaches(LAB.box("ops1"), box, 22)
    assert not reaches(other(box), box, 22)
    settings = guarded.check_output("sshd -T -C user=root,host=x,addr=192.0.2.1").splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no"} <= set(settings)
    options = (
        "BatchMode=yes", "PreferredAuthentications=password,keyboard-interactive", "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
    )  # fmt: skip
    argv = ["ssh", "-F", "none", *(f"-o{option}" for option in options), f"root@{box.address}", "true"]
    refused = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    assert "Permission denied (publickey)." in refused.stderr


def test_no_port_is_open_that_nothing_listens_on(guarded: Host) -> None:
    loaded = guarded.check_output("nft list table inet fleet")
    assert "policy drop" in loaded
    opened = {int(port) for port in re.findall(r"tcp dport (\d+) accept", loaded)}
    listens = {int(line.split()[3].rpartition(":")[2]) for line in guarded.check_output("ss -Hltn").splitlines()}
    assert 22 in opened
    assert opened - listens == set()


def test_a_service_is_reached_by_its_balancer_and_by_no_other_node(service: Deployed) -> None:
    if "port" not in service.parameters:
        pytest.skip("it has a unix socket, which no other machine reaches")
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


@pytest.mark.deploys
def test_a_port_is_open_for_as_long_as_hiera_declares_it_to_those_it_declares(workspace: Workspace) -> None:
    box = next(one for one in LAB.nodes if one.role == "load_balancer")
    friend, stranger = [one for one in LAB.nodes if one.role == "app"][:2]
    path = f"hieradata/nodes/{box.certname}.yaml"
    rule = {"probe": {"port": UNDECLARED_PORT, "clients": [friend.address]}}
    workspace.branch("opened")
    workspace.commit(path, yaml.safe_dump({"profile::firewall::rules": rule}))
    workspace.fleet.ok("deploy", "opened")
    with listening(box, UNDECLARED_PORT):
        try:
            workspace.fleet.ok("run", box.name, "--environment", "opened")
            assert reaches(friend, box, UNDECLARED_PORT)
            assert not reaches(stranger, box, UNDECLARED_PORT)
        finally:
            workspace.fleet.ok("run", box.name, "--end-trial")
        assert not reaches(friend, box, UNDECLARED_PORT)


def test_rules_are_back_when_someone_has_removed_them(workspace: Workspace) -> None:
    box = next(one for one in LAB.nodes if one.role == "load_balancer")
    connect(box).check_output("nft delete table inet fleet")
    workspace.fleet.ok("run", box.name)
    assert "policy drop" in connect(box).check_output("nft list table inet fleet")


def test_a_table_of_someone_else_stays(box: Box, guarded: Host) -> None:
    guarded.check_output("nft add table inet others")
    try:
        guarded.check_output("systemctl reload nftables")
        assert "table inet others" in guarded.check_output("nft list tables")
    finally:
        guarded.check_output("nft delete table inet others")
    with socket.create_connection((box.address, 22), timeout=10):
        pass


def test_rules_that_nft_refuses_change_nothing(guarded: Host) -> None:
    before = guarded.check_output("nft list table inet fleet")
    guarded.check_output("cp -a /etc/nftables.conf /root/nftables.conf")
    try:
        guarded.check_output("echo 'table inet fleet { nonsense }' >> /etc/nftables.conf")
        assert guarded.run("systemctl reload nftables").rc != 0
        assert guarded.check_output("nft list table inet fleet") == before
    finally:
        guarded.check_output("mv /root/nftables.conf /etc/nftables.conf && systemctl reload nftables")
