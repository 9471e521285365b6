"""Runs and rollbacks: what a person gets of them, and what is recorded whatever becomes of the person's connection."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fleet_cli.fleet import agents
from fleet_cli.fleet.nodes import Node
from operators import agent_runs, places, programs
from operators.errors import Failure
from operators_machine import Machine

NODE = Node("app1.fleet.test", "app", "production", "app1")


def output(capfdbinary: pytest.CaptureFixture[bytes]) -> str:
    return capfdbinary.readouterr().out.decode()


@pytest.mark.parametrize("arguments", [[], ["--noop"]], ids=str)
@pytest.mark.parametrize("program", ["puppet-run", "puppet"])
@pytest.mark.parametrize("ended", [
    (0, "done: unchanged"), (2, "done: changed"), (4, "failed: some resources failed"),
    (6, "failed: some resources failed"), (1, "failed: exit status 1"),
])  # fmt: skip
def test_a_run_says_what_the_client_understands_as_before(
    program: str, arguments: list[str], ended: tuple[int, str], operators: Machine,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:  # fmt: skip
    status, outcome = ended
    report = f"{operators.root}/state/last_run_report.yaml"
    operators.write("state/last_run_report.yaml", "the report of another run")
    resource = "{resource_statuses: {'Service[orders]': {failed: true, events: [{status: failure, message: why}]}}}"
    operators.put(program, f'echo out; echo "Error: err" >&2; echo "{resource}" >{report}; exit {status}')
    assert operators.run("fleet-run", *arguments) == status
    start = [] if program == "puppet-run" else ["agent", "--test"]
    assert operators.given(program) == [*start, "--color=false", "--waitforlock=1", "--maxwaitforlock=300", *arguments]
    assert output(capfdbinary) == f"out\nError: err\n----- fleet: last run report -----\n{resource}\n"
    (record,) = operators.records()
    assert (record["FLEET_ACTION"], record["FLEET_WHAT"]) == ("run", " ".join(arguments))
    assert record["FLEET_OUTCOME"] == outcome


@pytest.mark.parametrize("before", [None, "the report of another run"])
def test_a_run_that_wrote_no_report_does_not_show_that_of_another(
    before: str | None, operators: Machine, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    if before:
        operators.write("state/last_run_report.yaml", before)
    operators.put("puppet-run", "echo disabled; exit 1")
    assert operators.run("fleet-run") == 1
    assert output(capfdbinary) == f"disabled\n{agent_runs.MARK}\n"


def test_a_run_begins_when_the_agent_that_is_at_work_has_ended(
    operators: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent would wait as well, and fail where what it waits for ends while it asks `ps` about it."""
    monkeypatch.setattr(places, "PROCESSES", Path("/proc"))
    with subprocess.Popen(["sh", "-c", "read end; true", "puppet agent"], stdin=subprocess.PIPE) as other:
        operators.write("state/agent_catalog_run.lock", str(other.pid))
        operators.put("puppet-run", f"grep -q puppet /proc/{other.pid}/cmdline && exit 6; exit 0")
        ending = threading.Timer(0.5, other.kill)
        ending.start()
        assert operators.run("fleet-run") == 0
    assert not ending.is_alive()


@pytest.mark.parametrize("holder", ["", "no number", "999999999", "1"])
def test_a_lock_that_no_agent_holds_is_not_waited_for(
    holder: str, operators: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PROCESSES", Path("/proc"))
    operators.write("state/agent_catalog_run.lock", holder)
    operators.put("puppet-run", "exit 0")
    assert operators.run("fleet-run") == 0


def test_runs_take_turns_and_who_has_waited_too_long_leaves_it_to_the_agent_to_say_so(
    operators: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_runs, "LOCK_LIMIT_SECONDS", 1)
    operators.put("puppet-run", "exit 1")
    assert operators.run("fleet-run") == 1
    # Whoever can open it, be it to read, can lock it.
    assert [path.stat().st_mode & 0o777 for path in (places.RUN_LOCK, places.RUN_LOCK.parent)] == [0o600, 0o700]
    with places.RUN_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert operators.run("fleet-run") == 1
    assert operators.given("puppet-run") == ["--color=false", "--waitforlock=1", "--maxwaitforlock=1"]


def test_a_run_whose_caller_goes_away_ends_as_the_agent_ends_it_and_is_recorded(operators: Machine) -> None:
    operators.put("puppet-run", f"trap 'exit 4' TERM; touch {operators.root}/began; sleep 30 & wait")

    def end() -> None:
        while not (operators.root / "began").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    assert operators.run("fleet-run") == 4
    ending.join()
    assert [record["FLEET_OUTCOME"] for record in operators.records()] == ["failed: some resources failed"]


def test_other_programs_get_nothing_of_the_callers_surroundings(
    operators: Machine, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("RUBYLIB", "/tmp/evil")
    monkeypatch.setenv("PATH", "/tmp/evil:/usr/bin:/bin")
    operators.put("puppet-run", "env")
    operators.run("fleet-run")
    given = output(capfdbinary).splitlines()
    assert not [line for line in given if "evil" in line]
    assert {"SUDO_USER=anna", "HOME=/root", "LC_ALL=C.UTF-8"} <= set(given)


def test_a_rollback_is_the_programs_own_and_is_recorded_with_its_reason(
    operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    operators.put("flask-microservice", "echo 'orders: 1.0-1.0123abcd serves now'")
    assert operators.run("fleet-rollback", "orders", "1.0-1.0123abcd") == 0
    assert operators.given("flask-microservice") == ["rollback", "orders", "1.0-1.0123abcd"]
    assert capsys.readouterr().out == "orders: 1.0-1.0123abcd serves now\n"
    operators.put("flask-microservice", "echo 'flask-microservice: orders: nothing to go back to' >&2; exit 1")
    assert operators.run("fleet-rollback", "orders") == 1
    assert capsys.readouterr().err == "flask-microservice: orders: nothing to go back to\n"
    done, failed = operators.records()
    assert (done["FLEET_WHAT"], done["FLEET_OUTCOME"]) == ("orders 1.0-1.0123abcd", "done")
    assert failed["FLEET_OUTCOME"] == "failed: flask-microservice: orders: nothing to go back to"


def test_a_reader_that_goes_away_gets_no_traceback(operators: Machine) -> None:
    operators.put("journalctl", "for i in $(seq 100000); do echo '{}'; done")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from operators import command_line, log, programs\n"
        "import os; os.geteuid = lambda: 0\n"
        'entry = \'{"__REALTIME_TIMESTAMP": "1", "FLEET_ACTION": "run"}\\n\'\n'
        "programs.ask = lambda *_: type('R', (), {'stdout': entry * 20000})\n"
        "sys.exit(command_line.main('fleet-log', []))\n"
    )
    library = Path(__file__).parents[3] / "site/profile/files/operators/program"
    with subprocess.Popen(
        [sys.executable, "-c", code, library], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait() == 1


def test_a_program_that_hangs_is_named(operators: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "ASKED_SECONDS", 0.1)
    operators.put("hangs", "exec sleep 30")
    with pytest.raises(Failure, match=r"hangs has not ended after 0\.1 s"):
        programs.ask([operators.root / "bin/hangs"])


def test_the_client_understands_a_run() -> None:
    printed = (
        f"Error: x\n{agent_runs.MARK}\n{{resource_statuses: {{'Service[orders]': {{failed: true, events: []}}}}}}\n"
    )
    understood = agents._result(NODE, 4, printed)
    assert [failure.resource for failure in understood.failed] == ["Service[orders]"]
    assert agents.LOCK_LIMIT_SECONDS == agent_runs.LOCK_LIMIT_SECONDS
