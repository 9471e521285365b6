"""`fleet verify` asks each balancer from here, over TLS that it verifies; where it can't, it says why and goes on."""

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fleet_machines import Machines
from own_authority import Authority

CLOSED = 1
"""A port at which nothing listens here."""


@contextmanager
def balancer(directory: Path, authority: Authority, name: str, status: int = 200) -> Iterator[int]:
    """A balancer's port on this machine, with a certificate for a name: it answers its health with a status."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    own, key = authority.issue(name)
    file = directory / f"{name}-{status}.pem"
    file.write_text(key + own, encoding="utf-8")
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(file)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        serving.socket = trust.wrap_socket(serving.socket, server_side=True)
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_address[1]
        serving.shutdown()


def declare(machines: Machines, name: str, port: int, authority: Authority) -> None:
    node = machines.add(f"{name}.example.org", "load_balancer")
    node.balanced = {"orders": {"port": port, "certificate": "/etc/haproxy/lb.pem" if port != CLOSED else None}}
    assert node.inspection
    node.inspection["listening"]["tcp"] = [] if name == "deaf" else [port]
    node.inspection["authority"] = authority.certificate


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.CompletedProcess[str]]:
    """What is said of balancers, of which each is another case."""
    directory = tmp_path_factory.mktemp("balancers")
    ours, others = Authority("Puppet CA"), Authority("Somebody")
    with ExitStack() as stack:
        machines = Machines(directory, stack.enter_context(pytest.MonkeyPatch.context()))

        def port(name: str, status: int = 200, authority: Authority = ours) -> int:
            return stack.enter_context(balancer(directory, authority, f"{name}.example.org", status))

        declare(machines, "good", port("good"), ours)
        declare(machines, "empty", port("empty", 503), ours)
        declare(machines, "forged", port("forged", authority=others), ours)
        declare(machines, "own", port("www"), ours)
        declare(machines, "far", CLOSED, ours)
        declare(machines, "deaf", CLOSED, ours)
        yield machines.alone("verify")


def lines(verified: subprocess.CompletedProcess[str], node: str) -> list[str]:
    """What is said of a node, without the line that counts."""
    _, _, after = f"\n{verified.stdout}".partition(f"\n{node}: ")
    found = after.splitlines()[1:]
    end = next((number for number, line in enumerate(found) if not line.startswith(" ")), len(found))
    return found[:end]


def test_a_balancer_that_serves_is_as_declared(verified: subprocess.CompletedProcess[str]) -> None:
    assert "good: as declared, 7 checks" in verified.stdout.splitlines(), verified
    assert lines(verified, "good") == []


def test_a_balancer_without_a_machine_to_send_to_is_told(verified: subprocess.CompletedProcess[str]) -> None:
    (line,) = lines(verified, "empty")
    assert line.endswith("/health/ready: expected 200, found 503")


def test_a_certificate_of_another_authority_is_told(verified: subprocess.CompletedProcess[str]) -> None:
    (line,) = lines(verified, "forged")
    assert "expected one that the fleet's CA has signed, found" in line


def test_a_certificate_of_ones_own_is_not_taken_for_a_fault(verified: subprocess.CompletedProcess[str]) -> None:
    assert lines(verified, "own") == [
        "  not checked: the certificate of orders-at-own is one of your own, for other names than own.example.org"
    ]


def test_a_balancer_that_is_not_reachable_from_here_is_named(verified: subprocess.CompletedProcess[str]) -> None:
    (line,) = lines(verified, "far")
    assert line.startswith("  not checked: far is not reachable from here at port 1: ")


def test_a_port_at_which_nothing_listens_is_told(verified: subprocess.CompletedProcess[str]) -> None:
    assert lines(verified, "deaf")[0] == "  orders: listens on port: expected 1, found nothing"
