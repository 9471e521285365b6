"""What an operator reads of an agent run is what the agent reported."""

import json

import pytest
from fleet_cli.fleet import agents
from fleet_cli.fleet.nodes import Node

NODE = Node("app1.fleet.test", "app", "production", "app1")
REPORT = """\
--- !ruby/object:Puppet::Transaction::Report
metrics:
  time: !ruby/object:Puppet::Util::Metric
    name: time
    label: Time
    values:
    - - total
      - Total
      - 7.25
resource_statuses:
  Package[orders]: !ruby/object:Puppet::Resource::Status
    file: "/etc/puppet/code/site/profile/manifests/x.pp"
    line: 12
    failed: true
    failed_to_restart: false
    changed: false
    skipped: false
    events:
    - !ruby/object:Puppet::Transaction::Event
      status: failure
      message: no such version
      name: !ruby/sym ensure
  Service[orders.service]: !ruby/object:Puppet::Resource::Status
    failed: false
    changed: true
    skipped: false
    events:
    - !ruby/object:Puppet::Transaction::Event
      status: success
      message: Triggered 'refresh' from 1 event
      name: refresh
  File[/etc/orders]: !ruby/object:Puppet::Resource::Status
    failed: false
    changed: false
    skipped: true
    events: []
"""


def result(status: int | None, printed: str, report: str = "") -> agents.AgentRun:
    return agents._result(NODE, status, f"{printed}\n{agents._MARK}\n{report}")


def test_failed_resources_are_shown_with_place_and_reason() -> None:
    run = result(6, "Error: no such version", REPORT)
    assert (run.outcome, run.ok, run.seconds, run.skipped) == ("failed", False, 7.25, 1)
    assert run.changed == ["Service[orders.service]"]
    assert run.restarted == ["Service[orders.service]"]
    text = "\n".join(agents.explain(run))
    assert "app1: failed (1 changed, 1 failed, 1 skipped, 7.2 s)" in text
    assert "Package[orders] failed: no such version (/etc/puppet/code/site/profile/manifests/x.pp:12)" in text


@pytest.mark.parametrize(
    ("status", "outcome", "ok"),
    [(0, "unchanged", True), (2, "changed", True), (4, "failed", False), (6, "failed", False), (1, "not run", False),
     (255, "unreachable", False), (None, "not run", False)],
)  # fmt: skip
def test_no_failure_looks_like_success(status: int | None, outcome: str, ok: bool) -> None:
    run = result(status, "Error: Could not retrieve catalog\nssh: connect to host app1: No route to host")
    assert (run.outcome, run.ok) == (outcome, ok)


def test_a_report_in_json_says_the_same() -> None:
    report = {
        "metrics": {"time": {"name": "time", "label": "Time", "values": [["total", "Total", 1.5]]}},
        "resource_statuses": {
            "Package[orders]": {
                "file": "/x.pp", "line": 12, "failed": True, "changed": False, "skipped": False,
                "events": [{"status": "failure", "message": "no such version", "name": "ensure"}],
            },
            "Service[orders.service]": {
                "failed": False, "changed": True, "skipped": False,
                "events": [{"status": "success", "message": "Triggered 'refresh'", "name": "refresh"}],
            },
        },
    }  # fmt: skip
    run = result(6, "Error: no such version", json.dumps(report))
    assert (run.seconds, run.changed, run.restarted) == (1.5, ["Service[orders.service]"], ["Service[orders.service]"])
    assert run.failed == [agents.FailedResource("Package[orders]", "/x.pp:12", "no such version")]


def test_a_run_that_did_not_take_place_says_why() -> None:
    run = result(1, "Info: x\nError: Could not run: Run of Puppet configuration client already in progress")
    assert "already in progress" in "\n".join(agents.explain(run))
