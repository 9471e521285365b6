"""Clients of the load balancer reach every service of its tier, and notice nothing of what happens to one machine."""

import csv
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
import yaml
from deployed import FLEET, LAB, Deployed, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import ca, ssh
from fleet_cli.repository.labfile import Box
from load import Load, Trust
from waiting import wait_for
from workspace import Fleet, Workspace

BALANCERS = [box for box in LAB.nodes if box.role == "load_balancer"]
CLIENTS = 8


@dataclass(frozen=True)
class Balanced:
    """A service at a load balancer."""

    box: Box
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.parameters["name"])

    @property
    def url(self) -> str:
        scheme = "https" if self.parameters.get("certificate") else "http"
        return f"{scheme}://{self.box.address}:{self.parameters['port']}"

    def servers(self) -> dict[str, str]:
        """What HAProxy says of each machine that runs the service: UP, DOWN and so on, by certname."""
        command = "echo 'show stat' | socat - /run/haproxy/root.sock"
        rows = csv.DictReader(ssh.run(self.box, ["sh", "-c", command]).stdout.removeprefix("# ").splitlines())
        return {
            row["svname"]: row["status"].split()[0]
            for row in rows
            if row["pxname"] == self.name and row["svname"] not in ("FRONTEND", "BACKEND")
        }


@pytest.fixture(scope="module")
def balanced() -> list[Balanced]:
    declared = puppetdb.balanced_services(FLEET)
    found = [Balanced(box, parameters) for box in BALANCERS for parameters in declared.get(box.certname, [])]
    assert found, "no load balancer of the lab has a service: there is nothing to test"
    return found


def client(box: Box) -> urllib3.PoolManager:
    """A client that trusts the lab's authority only, and wants to see the machine's name."""
    return urllib3.PoolManager(
        ssl_context=ca.context(LAB), server_hostname=box.certname, assert_hostname=box.certname, retries=False
    )


def machines(service: Balanced) -> list[Box]:
    """The machines of the balancer's tier whose newest catalog has the service."""
    declared = puppetdb.declared_services(FLEET)
    return [
        box
        for box in LAB.nodes
        if box.tier == service.box.tier and service.name in [one["name"] for one in declared.get(box.certname, [])]
    ]


BOOT = "cut -d ' ' -f 22 /proc/1/stat"
"""When the machine's first process was started: it differs after a reboot."""


def booted(box: Box) -> str:
    """Return when a machine was started, an empty string while it does not answer."""
    return ssh.run(box, ["sh", "-c", BOOT], check=False).stdout.strip()


def load(service: Balanced) -> Load:
    """Clients that ask one request after the other; half of them keep their connection."""
    tls = Trust(ca.context(LAB), service.box.certname) if service.url.startswith("https") else None
    return Load(f"{service.url}/api/v1/items", keep_alive=None, trust=tls, clients=CLIENTS)


@contextmanager
def stopped(box: Box, name: str) -> Iterator[None]:
    """The service on a machine, stopped whole; what ran of it is started again afterwards."""
    node = connect(box)
    units = " ".join(
        line.split()[0]
        for line in node.check_output(
            f"systemctl list-units --no-legend --plain --state=active '{name}.*' '{name}@*'"
        ).splitlines()
    )
    node.check_output(f"systemctl stop {units}")
    try:
        yield
    finally:
        node.check_output(f"systemctl start {units}")


def test_every_service_of_the_tier_is_there(balanced: list[Balanced]) -> None:
    declared = puppetdb.declared_services(FLEET)
    for box in BALANCERS:
        others = [other.certname for other in LAB.nodes if other.tier == box.tier]
        of_tier = {one["name"] for certname in others for one in declared.get(certname, []) if "port" in one}
        assert {service.name for service in balanced if service.box == box} == of_tier


def test_every_service_answers_by_the_balancers_name(balanced: list[Balanced]) -> None:
    for service in balanced:
        path = service.parameters.get("health_path") or "/health/ready"
        answer = client(service.box).request("GET", service.url + path, timeout=10.0)
        assert answer.status == 200, f"{service.url}: {answer.data.decode(errors='replace')}"


def test_a_port_with_tls_speaks_nothing_else(balanced: list[Balanced]) -> None:
    for service in balanced:
        if service.parameters.get("certificate"):
            with pytest.raises(urllib3.exceptions.HTTPError):
                client(service.box).request("GET", service.url.replace("https", "http"), timeout=10.0)


def test_every_machine_that_runs_a_service_is_asked(balanced: list[Balanced]) -> None:
    there = [{box.certname: "UP" for box in machines(service)} for service in balanced]
    # A box that another test has started a moment ago is asked twice before it counts.
    wait_for(lambda: [service.servers() for service in balanced] == there, "every machine is asked, and answers")


def test_only_root_controls_the_balancer(balanced: list[Balanced]) -> None:
    for box in {service.box for service in balanced}:
        node = connect(box)
        assert oct(node.file("/run/haproxy/root.sock").mode) == "0o600"
        assert oct(node.file("/etc/haproxy/fleet.pem").mode) == "0o600"
        assert not node.file("/etc/haproxy/fleet.pem.key").exists


@pytest.mark.parametrize(
    "limits", ["-tls1_1 -cipher DEFAULT@SECLEVEL=0", "-tls1_2 -cipher AES128-SHA:AES256-GCM-SHA384"]
)
def test_what_is_recorded_today_is_not_read_with_a_key_that_is_stolen_tomorrow(
    balanced: list[Balanced], limits: str
) -> None:
    def handshake(service: Balanced, options: str) -> bool:
        where = f"{service.box.address}:{service.parameters['port']}"
        command = ["openssl", "s_client", "-connect", where, *options.split()]
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        return said.returncode == 0

    for service in balanced:
        if service.parameters.get("certificate"):
            assert handshake(service, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256")
            assert not handshake(service, limits)


def test_what_is_for_the_fleet_alone_is_not_shown_by_the_balancer(shared: tuple[Balanced, list[Box]]) -> None:
    service, (machine, *_) = shared
    node = f"http://{machine.address}:{service.parameters['port']}"
    for path in ("/metrics", "/openapi.json"):
        assert client(machine).request("GET", node + path, timeout=10.0).status == 200
        for tried in (path, path.replace("/m", "/%6d").replace("/o", "/%6f"), f"/{path}", f"{path}?x=1", f"{path}/"):
            answer = client(service.box).request("GET", service.url + tried, redirect=False, timeout=10.0)
            assert answer.status == 404, tried


def test_answers_say_which_release_and_not_by_what_program(shared: tuple[Balanced, list[Box]]) -> None:
    service, _ = shared
    answer = client(service.box).request("GET", f"{service.url}/api/v1/items", timeout=10.0)
    assert answer.headers["X-Release"]
    assert "Server" not in answer.headers


@pytest.fixture
def shared(balanced: list[Balanced]) -> tuple[Balanced, list[Box]]:
    """A service that more than one machine runs, made from the template."""
    return spread(balanced)


@pytest.fixture
def dispensable(balanced: list[Balanced]) -> tuple[Balanced, list[Box]]:
    """The same, which no other service has as its upstream."""
    declared = puppetdb.declared_services(FLEET)
    needed = {name for node in declared.values() for one in node for name in one["config"].get("upstreams", {})}
    return spread([service for service in balanced if service.name not in needed])


def spread(services: list[Balanced]) -> tuple[Balanced, list[Box]]:
    """The first of the services that was made from the template and runs on several machines; and these."""
    for service in services:
        found = machines(service)
        templates = [
            Deployed(box, one).from_template
            for box in found
            for one in puppetdb.declared_services(FLEET)[box.certname]
            if one["name"] == service.name
        ]
        if len(found) > 1 and all(templates):
            return service, found
    pytest.fail("no service runs on two machines behind a balancer: there is nothing to test")


def test_no_request_is_lost_when_a_machine_stops_a_service(shared: tuple[Balanced, list[Box]]) -> None:
    service, (machine, *_) = shared
    with load(service) as sent:
        sent.more(100)
        with stopped(machine, service.name):
            sent.more(100)
            wait_for(lambda: service.servers()[machine.certname] == "DOWN", "the balancer sees that it is gone")
            sent.more(100)
        wait_for(lambda: service.servers()[machine.certname] == "UP", "the balancer sees that it is back")
        sent.more(100)
    print(f"{service.name} through {service.box.name}, {machine.name} stopped and started: {sent}")
    assert sent.lost == []


def test_a_get_is_lost_only_in_the_middle_of_its_answer_when_a_service_is_killed(
    shared: tuple[Balanced, list[Box]],
) -> None:
    service, (machine, *_) = shared
    kills = 3
    with load(service) as sent:
        for _ in range(kills):
            sent.more(50)
            # There is nothing to kill for the second until systemd starts it again.
            wait_for(lambda: connect(machine).run(f"pkill -KILL -u {service.name}").succeeded, "it runs, to be killed")
        sent.more(100)
        wait_for(lambda: service.servers()[machine.certname] == "UP", "the service is back")
    print(f"{service.name} through {service.box.name}, killed {kills} times on {machine.name}: {sent}")
    # An answer of which the client has a part can't be begun again; all others come from the other machine.
    assert [failure for failure in sent.lost if "IncompleteRead" not in failure] == []
    assert len(sent.lost) <= kills * CLIENTS


def reboot(service: Balanced, machine: Box) -> None:
    """Reboot a machine as its operator would, until the balancer sends requests to it again."""
    before = booted(machine)
    ssh.run(machine, ["systemctl", "reboot"], check=False)
    wait_for(lambda: service.servers()[machine.certname] == "DOWN", "the balancer sees that it leaves")
    wait_for(lambda: booted(machine) not in ("", before), "the machine is back")
    wait_for(lambda: service.servers()[machine.certname] == "UP", "the balancer sees that it is back")


def test_no_request_is_lost_while_a_machine_is_rebooted(shared: tuple[Balanced, list[Box]]) -> None:
    service, found = shared
    reboot_each(service, found[:1])


@pytest.mark.drill
def test_reboots(shared: tuple[Balanced, list[Box]]) -> None:
    """All machines of a service, one after the other."""
    reboot_each(*shared)


def reboot_each(service: Balanced, found: list[Box]) -> None:
    with load(service) as sent:
        for machine in found:
            sent.more(100)
            reboot(service, machine)
        sent.more(100)
    names = " and ".join(machine.name for machine in found)
    print(f"{service.name} through {service.box.name}, {names} rebooted: {sent}")
    assert sent.lost == []


@contextmanager
def cut_off(box: Box, port: int) -> Iterator[None]:
    """A machine that no longer reaches a port of any other one."""
    node = connect(box)
    node.check_output(
        "nft add table inet cutoff && nft add chain inet cutoff out '{ type filter hook output priority 0; }'"
        f" && nft add rule inet cutoff out tcp dport {port} reject with tcp reset"
    )
    try:
        yield
    finally:
        node.check_output("nft delete table inet cutoff")


def test_a_machine_that_says_it_can_not_serve_is_asked_no_more(shared: tuple[Balanced, list[Box]]) -> None:
    service, (machine, *_) = shared
    health = f"http://{machine.address}:{service.parameters['port']}/health/ready"
    with cut_off(machine, 5432):  # its database is elsewhere: it runs, and answers 503 to its health check
        wait_for(lambda: service.servers()[machine.certname] == "DOWN", "the balancer sees that it can not serve")
        assert client(machine).request("GET", health, timeout=30.0).status == 503
        with load(service) as sent:
            sent.more(100)
        assert sent.lost == []
    wait_for(lambda: service.servers()[machine.certname] == "UP", "the balancer sees that it can serve again")


HANG_SECONDS = 10
"""`deadlines.hang`, if nothing else is declared."""
UPLOAD = b"POST /api/v1/items HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"


@contextmanager
def uploading(url: str, clients: int, trust: Trust | None = None) -> Iterator[None]:
    """Clients that have sent the beginning of a body, and send no more of it."""
    parts = urlsplit(url)
    with ExitStack() as stack:
        for _ in range(clients):
            connection: socket.socket = stack.enter_context(
                socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10)
            )
            if trust:
                connection = stack.enter_context(trust.context.wrap_socket(connection, server_hostname=trust.name))
            connection.sendall(UPLOAD)
        yield


LOCK = "BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n"
ASKING = """
import socket, sys
address, port, number = sys.argv[1], *map(int, sys.argv[2:])
opened = [socket.create_connection((address, port), 10) for _ in range(number)]
for connection in opened:
    connection.sendall(b"GET /api/v1/items HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
print("asked", flush=True)
sys.stdin.read()
"""
"""So many clients that ask a machine for its items, until standard input ends."""


@contextmanager
def hanging(service: Balanced, machine: Box, clients: int) -> Iterator[None]:
    """Requests that the balancer has sent to one machine wait for the database, where somebody has locked the table.

    From anywhere else they would not have all threads.
    """
    database = next(box for box in LAB.nodes if (box.role, box.tier) == ("database", machine.tier))
    psql = [*ssh.command(database), "sudo", "runuser", "-u", "postgres", "--", "psql", "-XAtq", "-d", service.name]
    pipe = subprocess.PIPE
    ask = ["python3", "-c", ASKING, machine.address, str(service.parameters["port"]), str(clients)]
    with subprocess.Popen(psql, stdin=pipe, stdout=pipe, text=True) as locking:
        assert locking.stdin and locking.stdout
        locking.stdin.write(LOCK)
        locking.stdin.flush()
        assert locking.stdout.readline() == "locked\n"
        asking = [*ssh.command(service.box), shlex.join(ask)]
        with subprocess.Popen(asking, stdin=pipe, stdout=pipe, text=True) as child:
            assert child.stdin and child.stdout
            assert child.stdout.readline() == "asked\n"
            yield
            locking.stdin.close()
            child.stdin.close()


def test_a_busy_machine_is_not_taken_for_one_that_is_down_before_it_hangs(
    shared: tuple[Balanced, list[Box]],
) -> None:
    """Under load one machine after the other would be taken out, until the answer to all is 503."""
    service, (machine, *_) = shared
    with hanging(service, machine, 24):
        began = time.monotonic()
        while time.monotonic() - began < 6:
            assert service.servers()[machine.certname] == "UP"
        wait_for(lambda: service.servers()[machine.certname] == "DOWN", "nothing has ended there for ten seconds")
    wait_for(lambda: service.servers()[machine.certname] == "UP", "it serves again")


def test_slow_clients_of_a_machine_never_take_it_out(shared: tuple[Balanced, list[Box]]) -> None:
    """Whoever reaches a node's port could take one node after the other from the balancer."""
    service, (machine, *_) = shared
    with uploading(f"http://{machine.address}:{service.parameters['port']}", 24):
        began = time.monotonic()
        while time.monotonic() - began < 2 * HANG_SECONDS:
            assert service.servers()[machine.certname] == "UP"


def test_clients_that_upload_slowly_hold_up_nobody_else(shared: tuple[Balanced, list[Box]]) -> None:
    """Forty of them kept all threads of all machines."""
    service, _ = shared
    tls = Trust(ca.context(LAB), service.box.certname)
    with uploading(service.url, 40, tls), load(service) as sent:
        sent.more(200)
        assert set(service.servers().values()) == {"UP"}
    assert sent.lost == []


@pytest.mark.deploys
def test_no_request_is_lost_when_a_service_is_removed_from_a_machine(
    dispensable: tuple[Balanced, list[Box]], workspace: Workspace
) -> None:
    service, (machine, *_) = dispensable
    before = service.servers()
    absent = {"flask_microservice::services": {service.name: {"ensure": "absent"}}}
    workspace.branch("leaving")
    workspace.commit(f"hieradata/nodes/{machine.certname}.yaml", yaml.safe_dump(absent))
    workspace.fleet.ok("deploy", "leaving")
    try:
        # Not its health path: there it says that it is leaving.
        with load(service) as sent:
            sent.more(100)
            workspace.fleet.ok("run", machine.name, "--environment", "leaving")
            assert service.servers()[machine.certname] == "DOWN"
            sent.more(100)
            workspace.fleet.ok("run", service.box.name)
            assert machine.certname not in service.servers()
            sent.more(100)
        print(f"{service.name} through {service.box.name}, removed from {machine.name}: {sent}")
        assert sent.lost == []
    finally:
        workspace.fleet.ok("run", machine.name, service.box.name, "--end-trial")
    wait_for(lambda: service.servers() == before, "the machine is back")


@pytest.mark.drill
def test_deactivated_node(shared: tuple[Balanced, list[Box]], fleet: Fleet) -> None:
    """A machine leaves and comes without an edit at the balancer."""
    service, (*_, machine) = shared

    def run(box: Box) -> None:
        fleet.ok("run", box.name)

    before = service.servers()
    try:
        ssh.run(LAB.server, ["puppet", "node", "deactivate", machine.certname])
        wait_for(lambda: machine.certname not in puppetdb.declared_services(FLEET), "PuppetDB takes the machine out")
        run(service.box)
        assert service.servers().keys() == before.keys() - {machine.certname}
        assert client(service.box).request("GET", f"{service.url}/api/v1/items", timeout=10.0).status == 200
    finally:
        run(machine)
        run(service.box)
    wait_for(lambda: service.servers() == before, "the machine is back")
