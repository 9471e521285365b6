"""`fleet run` shows each error of the agent once, and whole. What is printed here, Puppet 8.10 has printed."""

import json
from pathlib import Path

import pytest
from fleet_cli.fleet import agents
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node

NODE = Node("app1.fleet.test", "app", "production", "app1")
WRONG_KEYS = """\
Error: Could not retrieve catalog from remote server: Error 500 on SERVER: Server Error: Evaluation Error: \
Error while evaluating a Resource Statement, X[y]:
  parameter 'h' expects a value for key 'a'
  parameter 'h' unrecognized key 'z'
  parameter 'c' expects an Integer value, got String (line: 1) on node app1.fleet.test"""
SKIPPING = "Error: Could not retrieve catalog; skipping run"
FAILED_CATALOG = f"""\
Info: Using environment 'production'
{WRONG_KEYS}
Warning: Not using cache on failed catalog
  Error: a line of the warning
{SKIPPING}
{SKIPPING}
Notice: the last
"""

APT = """\
Execution of '/usr/bin/apt-get -q -y install nosuch' returned 100: Reading package lists...
Building dependency tree...
E: Unable to locate package nosuch"""
CREATE = "Could not set 'file' on ensure: No such file or directory - /nowhere/at (file: /m.pp, line: 1)"
FAILED_RESOURCES = f"""\
Error: {CREATE}
Error: {CREATE}
Wrapped exception:
No such file or directory - /nowhere/at
Error: /Stage[main]/Main/File[/nowhere/at]/ensure: change from 'absent' to 'file' failed: {CREATE}
Error: {APT}
Error: /Stage[main]/Main/Package[nosuch]/ensure: change from 'purged' to 'present' failed: {APT}
Notice: /Stage[main]/Main/Exec[fresh]/returns: b
Error: /Stage[main]/Main/Exec[fresh]: Failed to call refresh: '/bin/false' returned 1 instead of one of [0]
Error: /Stage[main]/Main/Exec[fresh]: '/bin/false' returned 1 instead of one of [0]
Error: /Stage[main]/Main/File[/tmp/src]: Could not evaluate: Could not retrieve source(s) file:///no
Notice: Applied catalog in 1.13 seconds
"""
FAILURES = {
    "File[/nowhere/at]": (1, f"change from 'absent' to 'file' failed: {CREATE}"),
    "Package[nosuch]": (5, f"change from 'purged' to 'present' failed: {APT}"),
    "Exec[fresh]": (6, "Failed to call refresh: '/bin/false' returned 1 instead of one of [0]"),
    "File[/tmp/src]": (9, "Could not retrieve source(s) file:///no"),
}
REPORT = json.dumps(
    {
        "resource_statuses": {
            name: {"file": "/m.pp", "line": line, "failed": True, "events": [{"status": "failure", "message": message}]}
            for name, (line, message) in FAILURES.items()
        }
    }
)
SENDING = "Error: Could not send report: Request to https://puppet:8140/puppet/v3/report timed out"


def fleet(configuration: Path) -> Fleet:
    """One whose nodes ssh reaches by a configuration of the test's own."""
    return Fleet(configuration, "puppet.fleet.test", "puppet:/srv/git/control.git", ssh_config=configuration)


def result(status: int, printed: str, report: str = "") -> agents.AgentRun:
    return agents._result(NODE, status, f"{printed}\n{agents._MARK}\n{report}")


def shown(run: agents.AgentRun) -> str:
    return "\n".join(agents.explain(run)) + "\n"


def test_every_line_of_an_error_is_shown_and_no_error_twice() -> None:
    run = result(1, FAILED_CATALOG)
    assert run.errors == [WRONG_KEYS, SKIPPING]
    text = shown(run)
    assert text.count("parameter 'h' unrecognized key 'z'\n") == 1
    assert text.count(SKIPPING) == 1
    assert text.index("key 'z'") < text.index("got String (line: 1) on node app1.fleet.test\n") < text.index(SKIPPING)
    assert "warning" not in text.lower()


def test_a_failed_resource_is_told_once() -> None:
    run = result(6, FAILED_RESOURCES, REPORT)
    assert run.errors == []
    assert [failure.resource for failure in run.failed] == list(FAILURES)
    text = shown(run)
    for once in (
        "Could not set 'file' on ensure",
        "Unable to locate package nosuch\n",
        "Failed to call refresh",
        "source(s)",
    ):
        assert text.count(once) == 1
    assert "No such file or directory - /nowhere/at (/m.pp:1)\n" in text
    assert text.count("\n") == 8, "the resources, a line each, and what is in further lines of one of them"


def test_an_error_that_differs_in_a_duration_or_repeats_itself_is_shown_once() -> None:
    closed = "Failed to open TCP connection to puppet:8140 (Connection refused)"
    tried = "\n".join(
        f"Error: Request failed after {seconds} seconds: {closed}\nWrapped exception:\n{closed}"
        for seconds in ("0.004", "0.001")
    )
    other = "Error: Could not parse it\nWrapped exception:\nunexpected end"
    assert result(1, f"{tried}\n{other}").errors == [f"Error: Request failed after 0.004 seconds: {closed}", other]


def test_an_error_beside_failed_resources_is_shown_too() -> None:
    run = result(4, FAILED_RESOURCES + SENDING, REPORT)
    assert run.errors == [SENDING]
    assert shown(run).endswith(f"{SENDING}\n")


def test_an_error_of_a_run_that_did_not_fail_is_shown() -> None:
    assert SENDING in shown(result(0, f"Notice: Applied catalog in 1.13 seconds\n{SENDING}"))


@pytest.mark.parametrize("reason", ["it's down; see (42) 'x'", "two\nlines", "reason not specified"])
def test_a_disabled_agent_is_said_to_be_with_the_reason_and_how_to_enable_it(reason: str) -> None:
    printed = f"""\
Notice: Skipping run of Puppet configuration client; administratively disabled (Reason: '{reason}');
Use 'puppet agent --enable' to re-enable."""
    run = result(1, printed, REPORT)
    assert (run.outcome, run.failed) == ("not run", [])
    (error,) = run.errors
    assert f"the agent is disabled on app1: {reason}\n" in error
    assert error.endswith("to enable it there: puppet agent --enable")


def test_an_unreachable_box_says_why(tmp_path: Path) -> None:
    configuration = tmp_path / "ssh-config"
    # The port 1 of this machine, where nobody listens.
    configuration.write_text("Host app1.fleet.test\n  HostName 127.0.0.1\n  Port 1\n", encoding="utf-8")
    (run,) = agents.run(fleet(configuration), [NODE])
    assert run.outcome == "unreachable"
    assert run.errors == ["ssh does not reach it: connect to host 127.0.0.1 port 1: Connection refused"]
    assert "Connection refused" in shown(run)


def test_errors_before_a_connection_broke_are_kept() -> None:
    run = result(255, f"{WRONG_KEYS}\nInfo: x\nclient_loop: send disconnect: Broken pipe")
    assert run.errors == [WRONG_KEYS, "client_loop: send disconnect: Broken pipe"]
