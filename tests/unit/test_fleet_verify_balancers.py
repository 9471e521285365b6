"""`fleet verify` asks each balancer from here, over TLS that it verifies; where it can't, it says why and goes on."""

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet_machines import Machine, Machines
from own_authority import Authority

BALANCER = "lb1.example.org"


@dataclass
class Server:
    """A balancer's port on this machine.

    Attributes:
        authority: what has signed its certificate, as PEM.
        status: what it answers.
    """

    port: int
    authority: str
    status: int = 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    authority = Authority("Puppet CA")
    own, key = authority.issue(BALANCER)
    (tmp_path / "lb.pem").write_text(key + own, encoding="utf-8")
    found = Server(0, authority.certificate)

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(found.status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(tmp_path / "lb.pem")
    serving.socket = trust.wrap_socket(serving.socket, server_side=True)
    found.port = serving.server_address[1]
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield found
    serving.shutdown()
    serving.server_close()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


def balancer(machines: Machines, port: int, authority: str, certname: str = BALANCER) -> Machine:
    node = machines.add(certname, "load_balancer")
    node.balanced = {"orders": {"port": port, "certificate": "/etc/haproxy/lb.pem"}}
    assert node.inspection
    node.inspection["listening"]["tcp"] = [port]
    node.inspection["authority"] = authority
    return node


def printed(machines: Machines) -> tuple[int, list[str]]:
    done: subprocess.CompletedProcess[str] = machines.alone("verify")
    return done.returncode, done.stdout.splitlines()


def test_a_balancer_that_serves_is_as_declared(machines: Machines, server: Server) -> None:
    balancer(machines, server.port, server.authority)
    assert printed(machines) == (0, ["lb1: as declared, 7 checks"])


def test_a_balancer_without_a_machine_to_send_to_is_told(machines: Machines, server: Server) -> None:
    balancer(machines, server.port, server.authority)
    server.status = 503
    status, lines = printed(machines)
    url = f"https://127.0.0.1:{server.port}/health/ready"
    assert (status, lines) == (1, ["lb1: 1 of 7 checks failed", f"  orders: {url}: expected 200, found 503"])


def test_a_certificate_of_another_authority_is_told(machines: Machines, server: Server) -> None:
    balancer(machines, server.port, Authority("Somebody").certificate)
    status, (_, line) = printed(machines)
    assert status == 1
    assert "expected one that the fleet's authority has signed, found" in line


def test_a_certificate_of_ones_own_is_not_taken_for_a_fault(machines: Machines, server: Server) -> None:
    balancer(machines, server.port, server.authority, "lb2.example.org")
    status, lines = printed(machines)
    assert (status, lines[0]) == (0, "lb2: as declared, 6 checks")
    assert "of your own, and for other names than lb2.example.org" in lines[1]


def test_a_balancer_that_is_not_reachable_from_here_is_skipped_and_named(machines: Machines) -> None:
    node = balancer(machines, 1, "")
    node.balanced["orders"]["certificate"] = None
    status, lines = printed(machines)
    assert (status, lines[0]) == (0, "lb1: as declared, 6 checks")
    assert lines[1].startswith("  not checked: lb1 is not reachable from here at port 1: ")


def test_a_port_at_which_nothing_listens_is_told_wherever_one_is(machines: Machines) -> None:
    node = balancer(machines, 1, "")
    assert node.inspection
    node.inspection["listening"]["tcp"] = []
    status, lines = printed(machines)
    assert (status, lines[1]) == (1, "  orders: listens on port: expected 1, found nothing")
