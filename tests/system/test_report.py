"""What a machine does is told whole, without a secret, and whatever part of it can't be told."""

import json
from typing import Any

import pytest
from operators_machine import Machine

STATUS = [{"name": "orders", "state": "serving", "release": "1.0-1.0123abcd"}, {"name": "billing", "state": "new"}]
SUMMARY = """\
---
version:
  config: c_0123456789@0123456789abcdef
  puppet: 8.10.0
application:
  run_mode: agent
  initial_environment: production
  converged_environment: c_0123456789
resources:
  changed: 3
  failed: 1
time:
  total: 1.25
  last_run: 1764000000
events:
  failure: 2
"""
REPORT = r"""--- !ruby/object:Puppet::Transaction::Report
host: app1.example.org
status: failed
logs:
- !ruby/object:Puppet::Util::Log
  level: !ruby/sym err
  message: "secret hunter2"
  tags: !ruby/object:Puppet::Util::TagSet
    hash:
      err: true
resource_statuses:
  Service[orders]: !ruby/object:Puppet::Resource::Status
    file: "/etc/puppet/code/environments/c_0123456789/site/x.pp"
    line: 12
    failed: true
    failed_to_restart: false
    events:
    - !ruby/object:Puppet::Transaction::Event
      property: ensure
      previous_value: !ruby/sym stopped
      message: |-
        change from 'stopped' to 'running' failed: it's
        "over" two lines: with [brackets] & {braces}
      status: failure
      redacted:
  File[/etc/orders/secret]: !ruby/object:Puppet::Resource::Status
    file:
    line:
    failed: true
    events:
    - !ruby/object:Puppet::Transaction::Event
      property: content
      desired_value: hunter2
      message: 'could not write hunter2'
      status: failure
      redacted: true
  Exec[evil]: !ruby/object:Kernel
    failed: false
    failed_to_restart: true
    events: []
  File[/etc/fine]: !ruby/object:Puppet::Resource::Status
    failed: false
    events: []
"""


def report(operators: Machine, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What fleet-report prints; it never fails."""
    assert operators.run("fleet-report") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_report_says_what_the_machine_does(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.write("fleet-operators.ini", "[machine]\ncertname = app1.example.org\n")
    operators.write("state/agent_disabled.lock", '{"disabled_message": "a leak is being looked for"}')
    operators.write("state/agent_catalog_run.lock", "4711")
    operators.write("proc/4711/cmdline", "puppet agent: applying configuration\0")
    operators.write("summary.yaml", SUMMARY)
    operators.write("state/last_run_report.yaml", REPORT)
    operators.write("units/orders@.service", "[Unit]\n[X-Flask-Microservice]\nPackage=orders-next\n")
    operators.put("flask-microservice", f"echo '{json.dumps(STATUS)}'")
    operators.put("dpkg-query", r"printf 'orders-next\tinstalled\t1.0-1\nbilling\tconfig-files\t0.9-1\n'; exit 1")
    found = report(operators, capsys)
    assert found.pop("time").endswith("Z")
    assert found["services"] == STATUS
    assert found["installed"] == {"orders-next": "1.0-1", "billing": None}
    assert found["errors"] == {}
    assert found["certname"] == "app1.example.org"
    agent = found["agent"]
    assert (agent["disabled"], agent["running"]) == ("a leak is being looked for", True)
    assert agent["last_run"] == {
        "time": "2025-11-24T16:00:00Z", "version": "c_0123456789@0123456789abcdef", "environment": "c_0123456789",
        "status": "failed", "failures": 2, "changed": 3,
    }  # fmt: skip
    assert agent["failed"] == [
        {
            "resource": "Service[orders]",
            "where": "/etc/puppet/code/environments/c_0123456789/site/x.pp:12",
            "message": "change from 'stopped' to 'running' failed: it's\n"
            '"over" two lines: with [brackets] & {braces}',
        },
        {"resource": "File[/etc/orders/secret]", "where": "", "message": "content: [redacted]"},
        {"resource": "Exec[evil]", "where": "", "message": "failed to restart"},
    ]
    assert "hunter2" not in json.dumps(found), "whoever may read learns a secret"
    assert (operators.given("flask-microservice"), operators.records()) == (["status", "--json"], [])


def test_what_a_machine_does_not_have_is_no_error(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.write("fleet-operators.ini", "[machine]\ncertname = db1.example.org\n")
    found = report(operators, capsys)
    assert found["agent"] == {"disabled": None, "running": False, "last_run": None, "failed": None}
    assert (found["services"], found["installed"], found["errors"]) == (None, None, {})


@pytest.mark.parametrize(
    ("file", "text", "part"),
    [
        ("state/agent_disabled.lock", "{", "disabled"),
        ("state/agent_catalog_run.lock", "puppet", "running"),
        ("state/last_run_report.yaml", "--- !ruby/object:X\n\tx: [", "last_run"),
        ("summary.yaml", "--- [1, 2]\n", "last_run"),
        ("bin/flask-microservice", "not executable", "services"),
        ("fleet-operators.ini", "", "certname"),
    ],
)
def test_one_part_that_can_not_be_told_costs_no_other(
    file: str, text: str, part: str, operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    operators.write("fleet-operators.ini", "[machine]\ncertname = app1.example.org\n")
    operators.write("summary.yaml", SUMMARY)
    operators.put("flask-microservice", "echo '[]'")
    operators.write(file, text)
    if file.startswith("bin/"):
        (operators.root / file).chmod(0o644)
    found = report(operators, capsys)
    assert list(found["errors"]) == [part]
    assert "\n" not in found["errors"][part]
    if part != "services":
        assert (found["services"], found["installed"]) == ([], {})
    if part != "last_run":
        assert found["agent"]["last_run"]["changed"] == 3


def test_a_lock_of_a_run_that_was_killed_is_no_run(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.write("state/agent_catalog_run.lock", "4711")
    assert report(operators, capsys)["agent"]["running"] is False
    operators.write("proc/4711/cmdline", "/usr/bin/gunicorn\0")
    assert report(operators, capsys)["agent"]["running"] is False


def test_of_a_run_without_failures_a_long_report_is_not_read(
    operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    operators.write("summary.yaml", SUMMARY)
    operators.write("state/last_run_report.yaml", "---\nhost: a\nstatus: changed\nresource_statuses: {not read: [\n")
    found = report(operators, capsys)
    assert (found["agent"]["last_run"]["status"], found["agent"]["failed"], found["errors"]) == (
        "changed", [], {"certname": found["errors"]["certname"]},
    )  # fmt: skip
