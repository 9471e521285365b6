"""Who did what is told by the journal, truly and once, and never at the expense of the work."""

import contextlib
import getpass
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from deploys import command_line as deploys
from deploys import deploying, rollouts
from deploys import journal as deploys_journal
from deploys.errors import DeployError
from deploys.layout import Layout
from operators import journal, places
from operators_machine import Machine
from packages import account, publishing
from packages import command_line as packages
from packages.debs import Identity
from packages.errors import PublishError
from packages.repository import Repository

NOWHERE = Path("/nowhere")
LAYOUT = Layout(
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, "nobody"
)  # fmt: skip


def test_a_record_says_who_did_what_from_where_and_what_came_of_it(operators: Machine) -> None:
    journal.record("rollback", "orders", "done")
    assert operators.records() == [
        {
            "MESSAGE": "anna rollback orders: done",
            "PRIORITY": "5",
            "SYSLOG_IDENTIFIER": "fleet",
            "FLEET_ACTION": "rollback",
            "FLEET_WHO": "anna",
            "FLEET_FROM": "192.0.2.7",
            "FLEET_WHAT": "orders",
            "FLEET_OUTCOME": "done",
        }
    ]


@pytest.mark.parametrize(
    "text", ["x\nFLEET_WHO=bert", "x\r\nFLEET_WHO=bert", "x\n\0", "\ud800", "x" * 100000, "é\n=\n"]
)
def test_nobody_can_write_a_record_in_the_name_of_another(text: str, operators: Machine) -> None:
    journal.record("deploy", text, f"failed: {text}")
    (record,) = operators.records()
    assert record["FLEET_WHO"] == "anna"
    assert record["FLEET_OUTCOME"].startswith("failed: ")
    assert record["PRIORITY"] == "3", "a failure is not found by its priority"
    assert max(map(len, record.values())) <= 1000 + len("anna deploy : failed: ") + 1000


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        ("192.0.2.7 50000 192.0.2.10 22", "192.0.2.7"),
        ("2001:db8::7 50000 2001:db8::10 22", "2001:db8::7"),
        ("fe80::7%eth0 50000 fe80::10%eth0 22", "fe80::7%eth0"),
        ("", ""),
        (None, ""),
        ("evil.example.org 1 2 3", ""),
        ("192.0.2.7\nFLEET_WHO=bert", ""),
    ],
)
def test_where_somebody_came_from_is_an_address_or_nothing(
    connection: str | None, address: str, operators: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection is None:
        monkeypatch.delenv("SSH_CONNECTION")
    else:
        monkeypatch.setenv("SSH_CONNECTION", connection)
    journal.record("run", "", "done")
    (record,) = operators.records()
    assert (record["FLEET_FROM"], record["FLEET_WHO"]) == (address, "anna")


def test_without_sudo_the_account_itself_is_named(operators: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER")
    journal.record("run", "", "done")
    assert operators.records()[0]["FLEET_WHO"] == getpass.getuser()


@pytest.mark.parametrize("state", ["missing", "full"])
def test_a_journal_that_is_away_or_hangs_holds_up_no_work(
    state: str, operators: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state == "missing":
        monkeypatch.setattr(places, "JOURNAL", operators.root / "nowhere")
    for _ in range(1000 if state == "full" else 1):
        journal.record("run", "", "done")


def deploy(arguments: list[str], monkeypatch: pytest.MonkeyPatch, outcome: Callable[..., None]) -> int:
    """Run deploy-environment as root, with something else in the place of its work."""
    monkeypatch.setattr(Layout, "from_file", lambda: LAYOUT)
    for name in ("deploy", "back", "end", "give_kept"):
        monkeypatch.setattr(deploying, name, outcome)
    monkeypatch.setattr(rollouts, "abort", outcome)
    return deploys.main(arguments)


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        (["production", "--commit", "a" * 40], "deploy"),
        (["topic", "--tier", "staging"], "deploy"),
        (["topic", "--kept", "--node", "app1.example.org"], "trial"),
        (["--back"], "back"),
        (["--end", "--tier", "staging"], "end"),
        (["production", "--now"], "deploy"),
        (["--rollout", "7", "--epoch", "1", "--tier", "staging", "--abort"], "rollout"),
    ],
)
def test_a_deploy_is_recorded_once_whoever_calls_the_program(
    arguments: list[str], action: str, operators: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deploy(arguments, monkeypatch, lambda *_, **__: None) == 0
    (record,) = operators.records()
    assert (record["FLEET_ACTION"], record["FLEET_WHAT"]) == (action, " ".join(arguments))
    assert (record["FLEET_OUTCOME"], record["FLEET_WHO"]) == ("done", "anna")


def test_a_deploy_that_was_refused_is_recorded_with_the_reason(
    operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DeployError("the control repository has no branch 'topic'")

    assert deploy(["topic"], monkeypatch, refuse) == 1
    assert "no branch 'topic'" in capsys.readouterr().err
    (record,) = operators.records()
    assert record["FLEET_OUTCOME"] == "failed: the control repository has no branch 'topic'"


def test_a_run_by_hand_over_a_rollout_leaves_a_record_on_the_server(operators: Machine) -> None:
    nodes = [f"app{number}.example.org" for number in range(300)]
    words = ["--rollout", "7", "--tier", "production", *(word for node in nodes for word in ("--node", node))]
    assert operators.run("fleet-note", *words) == 0
    (record,) = operators.records()
    assert (record["FLEET_ACTION"], record["FLEET_WHO"], record["FLEET_OUTCOME"]) == ("run", "anna", "done")
    assert record["FLEET_WHAT"].startswith("--now, on rollout 7 in production: app0.example.org app1.example.org ")


def test_a_look_at_what_is_deployed_is_no_deed(operators: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploys, "_list", lambda *_, **__: None)
    assert deploy(["--list"], monkeypatch, lambda *_, **__: None) == 0
    assert operators.records() == []


def test_the_two_logs_of_a_deploy_name_the_same_person(operators: Machine) -> None:
    assert deploys_journal.who() == journal.who() == "anna"
    assert operators.records() == []


@pytest.mark.parametrize("refused", [False, True])
def test_a_publication_is_recorded_once_with_its_files(
    refused: bool, operators: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def publish(*_: object) -> dict[Identity, bool]:
        if refused:
            raise PublishError("billing_1.0-1_amd64.deb: no such file")
        return {Identity("billing", "1.0-1", "amd64"): True}

    files = [tmp_path / "billing_1.0-1_amd64.deb", tmp_path / "orders_1.0-1_amd64.deb"]
    for file in files:
        file.touch()
    monkeypatch.setattr(Repository, "from_file", lambda: SimpleNamespace(account="nobody"))
    monkeypatch.setattr(account, "take_on", lambda _: None)
    monkeypatch.setattr(publishing, "publish", publish)
    assert packages.main([str(file) for file in files]) == int(refused)
    (record,) = operators.records()
    assert record["FLEET_ACTION"] == "publish"
    assert record["FLEET_WHAT"] == "billing_1.0-1_amd64.deb, orders_1.0-1_amd64.deb"
    assert record["FLEET_OUTCOME"] == ("failed: billing_1.0-1_amd64.deb: no such file" if refused else "done")


@pytest.mark.parametrize("end", ["another account", "killed", "interrupted"])
def test_what_becomes_of_the_process_takes_nothing_from_the_record(end: str, operators: Machine) -> None:
    """publish-package may become the repository's account: only root's records count, and root knows who called."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), journal.recorded("publish", "billing.deb"):
            os.environ.clear()
            if end == "another account":
                os.setresuid(65534, 65534, 65534)
            else:
                os.kill(os.getpid(), signal.SIGKILL if end == "killed" else signal.SIGINT)
        os._exit(0)
    os.waitpid(child, 0)
    entry, sender = operators.wait_for_record()
    assert (entry["FLEET_WHO"], entry["FLEET_FROM"], sender) == ("anna", "192.0.2.7", os.getuid())
    outcomes = {
        "another account": "done",
        "killed": "failed: it was killed",
        "interrupted": "failed: KeyboardInterrupt",
    }
    assert entry["FLEET_OUTCOME"] == outcomes[end]


def entry(**fields: object) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": "1764000000123456", "_HOSTNAME": "app1", **fields})


def test_the_log_is_what_root_recorded_and_says_when_in_utc(
    operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [
        entry(FLEET_ACTION="run", FLEET_WHO="anna", FLEET_FROM="192.0.2.7", FLEET_WHAT="--noop", FLEET_OUTCOME="done"),
        entry(MESSAGE="another program that calls itself fleet"),
        entry(FLEET_ACTION="publish", FLEET_WHO=[98, 101, 114, 116], FLEET_WHAT=None, FLEET_OUTCOME=["done", "x"]),
    ]
    operators.write("entries", "\n".join(said))
    operators.put("journalctl", f"cat {operators.root}/entries")
    assert operators.run("fleet-log") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "time": "2025-11-24T16:00:00Z", "host": "app1", "action": "run", "who": "anna", "from": "192.0.2.7",
        "what": "--noop", "outcome": "done",
    }  # fmt: skip
    assert (second["who"], second["from"], second["what"], second["outcome"]) == ("bert", "", "", "done")
    given = operators.given("journalctl") or []
    # Any account may write to the journal's socket.
    assert "_UID=0" in given
    assert "SYSLOG_IDENTIFIER=fleet" in given
    assert {"--lines=1000", "--since=-90d"} <= set(given)


def test_a_journal_that_can_not_be_read_is_one_line(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.put("journalctl", "echo 'No journal files were found.' >&2; exit 1")
    assert operators.run("fleet-log") == 1
    assert capsys.readouterr().err == "fleet-log: journalctl: No journal files were found.\n"


def test_journalctl_takes_what_the_log_asks_it(operators: Machine) -> None:
    operators.put("journalctl", "exit 0")
    operators.run("fleet-log")
    given = operators.given("journalctl") or []
    done = subprocess.run(
        ["journalctl", f"--directory={operators.root}", *given], capture_output=True, text=True, check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "err"},
    )  # fmt: skip
    assert "Failed to parse" not in done.stderr
    assert "invalid" not in done.stderr.lower()
