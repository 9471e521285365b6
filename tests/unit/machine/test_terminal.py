"""Nothing that a service or a machine says does anything to a terminal: it sets no title, colour or cursor."""

import json
import socket
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_microservice import health
from flask_microservice.errors import SwitchError, reason
from flask_microservice.journal import last_words
from fleet_cli.fleet import agents
from fleet_cli.lab import status as lab_status
from fleet_cli.lab.status import BoxStatus, ServiceStatus
from fleet_cli.machine import steps
from fleet_machines import Machines, ago
from operators_machine import Machine
from packages import publishing
from program_node import Systemd

HOSTILE = "\x1b]0;owned\x07\x1b[2Jgone\x9b31m\rover\u202egnp"
"""Sets the title, clears the screen, colours in one character, writes over the line, and turns the rest around."""


def harmless(text: str) -> bool:
    """Whether a text was said, and has nothing in it that a terminal obeys."""
    said = {character for character in text if unicodedata.category(character) in {"Cc", "Cf"}}
    return "owned" in text and said <= {"\n", "\t"}


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines(tmp_path, monkeypatch)
    made.add("app1.example.org")
    return made


def test_a_health_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Connection:
        left = f"HTTP/1.0 503 Unavailable\r\n\r\n{HOSTILE}".encode()

        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> "Connection":
            return self

        def __exit__(self, *_: object) -> None: ...

        def settimeout(self, _: float) -> None: ...

        def connect(self, _: str) -> None: ...

        def sendall(self, _: bytes) -> None: ...

        def recv(self, _: int) -> bytes:
            said, self.left = self.left, b""
            return said

    monkeypatch.setattr(socket, "socket", Connection)
    assert harmless(health.unready(tmp_path / "s", "/health"))


def test_the_journal_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    Systemd(monkeypatch).journal["_SYSTEMD_UNIT=orders@1.service"] = [f"ERROR {HOSTILE}"]
    said = last_words("orders@1.service")
    assert harmless(said)
    assert "\\x1b]0;owned\\x07" in said


@pytest.mark.parametrize("error", [SwitchError(HOSTILE), OSError(2, "No such file", f"/srv/{HOSTILE}")])
def test_why_a_switch_failed(error: Exception) -> None:
    assert harmless(reason(error))


def test_an_agent_run_on_a_machine(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.write("said", f"Error: {HOSTILE} zürich\n")
    operators.put("puppet-run", f"cat {operators.root}/said; printf 'no end \\303'; exit 4")
    assert operators.run("fleet-run") == 4
    said = capsys.readouterr().out
    assert harmless(said)
    assert "zürich\nno end \N{REPLACEMENT CHARACTER}" in said


def test_an_agent_run_ends_though_something_keeps_its_output(operators: Machine) -> None:
    operators.put("puppet-run", "sleep 60 & echo $! >&2; exit 0")
    assert operators.run("fleet-run") == 0


def test_a_rollback_on_a_machine(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.write("said", HOSTILE)
    operators.put("flask-microservice", f"cat {operators.root}/said {operators.root}/said >&2; exit 1")
    assert operators.run("fleet-rollback", "orders") == 1
    assert harmless(capsys.readouterr().err)


def test_records_on_a_machine(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"__REALTIME_TIMESTAMP": "1", "FLEET_ACTION": "run", "FLEET_WHAT": list(HOSTILE.encode())}
    operators.write("entries", json.dumps(entry) + "\n")
    operators.put("journalctl", f"cat {operators.root}/entries")
    assert operators.run("fleet-log") == 0
    said = capsys.readouterr().out
    assert harmless(said)
    assert harmless(json.loads(said)["what"])


def test_what_is_said_of_a_package(capsys: pytest.CaptureFixture[str]) -> None:
    publishing.say(f"{HOSTILE}_1.0_amd64.deb: its name is not a name")
    assert harmless(capsys.readouterr().err)


def test_a_run_of_the_fleet(machines: Machines) -> None:
    said = HOSTILE.replace("\r", "")  # ClusterShell takes one for the end of a line
    failed = {"resource_statuses": {"Exec[x]": {"failed": True, "events": [{"status": "failure", "message": said}]}}}
    machines._put("app1.example.org", {"fleet-run": f"Error: {said}\n{agents._MARK}\n{json.dumps(failed)}"})
    assert harmless(machines.fleet("run", "app1"))


def test_a_status_of_the_fleet(machines: Machines) -> None:
    report = machines.nodes["app1.example.org"].report
    assert report
    report["agent"]["disabled"] = HOSTILE
    report["services"][0]["version"] = HOSTILE
    assert harmless(machines.fleet("status", status=1))


def test_records_of_the_fleet(machines: Machines) -> None:
    node = machines.nodes["app1.example.org"]
    node.log = [{**dict.fromkeys(("host", "who", "from", "action", "what", "outcome"), HOSTILE), "time": ago(hours=1)}]
    assert harmless(machines.fleet("log"))
    machines.add("app2.example.org").unreachable = f"ssh: {HOSTILE}"
    assert harmless(machines.fleet("log", status=1))


def test_a_service_of_the_lab(capsys: pytest.CaptureFixture[str]) -> None:
    service = ServiceStatus("orders", f"[red]{HOSTILE}", "http://192.0.2.1:7001", ready=True)
    lab_status.show([BoxStatus("app1", "app", "production", "192.0.2.1", True, services=[service])])
    said = capsys.readouterr().out
    assert harmless(said)
    assert "[red]" in said


def test_progress_that_is_told_in_the_words_of_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    steps.say(HOSTILE)
    assert harmless(capsys.readouterr().err)
