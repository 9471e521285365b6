"""`fleet run --noop` says what would change, in Puppet's words, and claims no change where nothing would."""

import json
from pathlib import Path
from typing import Any

from fleet_cli.fleet import agents
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node

NODE = Node("app1.fleet.test", "app", "production", "app1")


def fleet(configuration: Path) -> Fleet:
    """One whose nodes ssh reaches by a configuration of the test's own."""
    return Fleet(configuration, "puppet.fleet.test", "puppet:/srv/git/control.git", ssh_config=configuration)


def status(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "file": "/m.pp",
        "line": 1,
        "failed": False,
        "changed": False,
        "skipped": False,
        "events": [*events],
        **more,
    }


def pending(prop: str, message: str, **more: Any) -> dict[str, Any]:
    return {"property": prop, "status": "noop", "name": f"{prop}_changed", "message": message, **more}


# As Puppet 8.10 has written them. Of a Sensitive value the message alone is fit to be shown.
STATUSES = {
    "File[/etc/motd]": status(
        pending("content", "content changed '{sha256}01d0' to '{sha256}7aa7' (noop)", desired_value="e3NoYTI1Nn0="),
        pending("mode", "mode changed '0644' to '0600' (noop) (corrective)"),
    ),
    "File[/etc/orders.ini]": status(
        pending(
            "content",
            "current_value [redacted], should be [redacted] (noop)",
            previous_value="hunter1",
            desired_value="hunter2",
        )
    ),
    "User[root]": status(pending("comment", "comment changed 'root' to \"a\\nb\" (noop)")),
}
REFRESH = "Would have triggered 'refresh' from 1 event"
LOGS = [
    {"level": "notice", "source": source, "message": REFRESH}
    for source in (
        "/Stage[main]/Main/Flask_microservice::Service[orders]/Exec[/bin/sh /x/y]",
        "/Stage[main]/Main/Service[cron.service]",
        "Flask_microservice::Service[orders]",
        "Class[Main]",
        "Stage[main]",
    )
]


def result(code: int, *, noop: bool = True, statuses: Any = None, logs: Any = None) -> agents.AgentRun:
    report = {
        "noop": noop,
        "resource_statuses": statuses or {},
        "logs": logs or [],
        "metrics": {"time": {"values": [["total", "Total", 1.5]]}},
    }
    printed = "Notice: Applied catalog in 0.03 seconds"
    return agents._result(NODE, code, f"{printed}\n{agents._MARK}\n{json.dumps(report)}")


def test_what_would_change_is_told_as_puppet_words_it() -> None:
    run = result(0, statuses=STATUSES, logs=LOGS)
    assert (run.outcome, run.ok, run.changed, run.restarted) == ("would change", True, [], [])
    assert agents.explain(run) == [
        "app1: would change (5 to change, 1.5 s)",
        "  File[/etc/motd]/content: content changed '{sha256}01d0' to '{sha256}7aa7' (noop)",
        "  File[/etc/motd]/mode: mode changed '0644' to '0600' (noop) (corrective)",
        "  File[/etc/orders.ini]/content: current_value [redacted], should be [redacted] (noop)",
        "  User[root]/comment: comment changed 'root' to \"a\\nb\" (noop)",
        f"  Exec[/bin/sh /x/y]: {REFRESH}",
        f"  Service[cron.service]: {REFRESH}",
    ]


def test_json_has_what_would_change_and_no_secret() -> None:
    run = result(0, statuses=STATUSES, logs=LOGS).as_dict()
    assert (run["outcome"], run["noop"], run["changed"]) == ("would change", True, [])
    assert run["would_change"][1] == {
        "resource": "File[/etc/motd]",
        "property": "mode",
        "message": "mode changed '0644' to '0600' (noop) (corrective)",
    }
    assert run["would_change"][-1] == {"resource": "Service[cron.service]", "property": "", "message": REFRESH}
    assert "hunter" not in json.dumps(run)


def test_a_run_that_would_change_nothing_claims_no_change() -> None:
    run = result(0)
    assert (run.outcome, run.would_change) == ("unchanged", [])
    assert agents.explain(run) == ["app1: unchanged (0 to change, 1.5 s)"]


def test_a_failure_is_none_the_less_one() -> None:
    failed = status({"status": "failure", "message": "no such version"}, failed=True)
    run = result(4, statuses={**STATUSES, "Package[orders]": failed})
    assert (run.outcome, run.ok) == ("failed", False)
    assert agents.explain(run)[0] == "app1: failed (3 to change, 1 failed, 1.5 s)"


def test_what_a_resource_of_its_own_does_not_change_is_told_beside_what_was_changed() -> None:
    """`noop => true` in a manifest."""
    run = result(2, noop=False, statuses={**STATUSES, "File[/a]": status(changed=True)})
    assert run.outcome == "changed"
    assert agents.explain(run)[0] == "app1: changed (3 to change, 1 changed, 1.5 s)"


def test_of_a_run_without_a_catalog_it_is_not_known_what_would_change() -> None:
    assert agents.explain(result(1))[0] == "app1: not run (1.5 s)"


def test_json_says_of_an_unreachable_box_that_nothing_was_to_be_changed(tmp_path: Path) -> None:
    configuration = tmp_path / "ssh-config"
    configuration.write_text("Host app1.fleet.test\n  HostName 127.0.0.1\n  Port 1\n", encoding="utf-8")
    (run,) = agents.run(fleet(configuration), [NODE], noop=True)
    assert (run.outcome, run.noop, run.would_change) == ("unreachable", True, [])
