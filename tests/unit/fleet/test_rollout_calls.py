"""What is known of rollouts from the server's answers, and what is refused by hand while one is under way."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.fleet import deploying
from fleet_cli.fleet.deploying import Answers
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node
from fleet_cli.machine.errors import FleetError
from fleet_machines import Machines

APP1, APP2, STAGING1 = (
    Node(f"{name}.example.org", "app", tier, name)
    for name, tier in (("app1", "production"), ("app2", "production"), ("staging1", "staging"))
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOTE = "fleet-note --rollout 7 --tier production --node app1.example.org"


def under_way() -> dict[str, Any]:
    return {
        "number": 7, "epoch": 2, "environment": "c_0123456789", "since": int(time.time()), "by": "anna",
        "nodes": ["app1.example.org"],
    }  # fmt: skip


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    found = Machines(tmp_path, monkeypatch)
    found.answers["rollouts"] = {"production": under_way()}
    for name in ("app1.example.org", "app2.example.org"):
        found.add(name)
    found.save()
    return found


@pytest.fixture
def fleet(machines: Machines) -> Fleet:
    return Fleet(machines.repo / "fleet.yaml", "puppet.example.org", "")


def test_a_node_of_a_wave_is_given_the_rollouts_commit_unless_it_is_on_trial(machines: Machines) -> None:
    trial = machines.answer(environment="c_fedcba9876", branch="topic", until=int(time.time()) + 60)
    found = Answers({**machines.answers, "tiers": {"production": machines.answer()}})
    given = found.given(APP1.certname, "production")
    assert given is not None
    assert (given.scope, given.environment, given.by, given.what) == (
        "rollout", "c_0123456789", "anna", "commit 0123456789",
    )  # fmt: skip
    assert [found.given(node.certname, tier).scope for node, tier in ((APP2, "production"), (APP1, "staging"))] == [  # type: ignore[union-attr]
        "tier", "fleet",
    ]  # fmt: skip
    with_trial = Answers({**machines.answers, "nodes": {APP1.certname: trial}}).given(APP1.certname, "production")
    assert with_trial is not None
    assert with_trial.scope == "node"
    assert found.rollouts["production"].nodes == (APP1.certname,)


def test_a_server_of_before_has_no_rollouts(machines: Machines) -> None:
    del machines.answers["rollouts"]
    found = Answers(machines.answers)
    assert (found.rollouts, found.ended) == ({}, {})
    given = found.given(APP1.certname, "production")
    assert given is not None
    assert given.scope == "fleet"


def test_a_run_by_hand_in_a_tier_under_way_is_refused_in_one_line(machines: Machines) -> None:
    told = machines.fleet("run", "app1", status=1)
    assert re.fullmatch(
        r"rollout 7 of anna is under way in production since \d\d:\d\d: nothing was run. `fleet rollout status`"
        r" tells more, `fleet rollout abort` ends it; --now goes ahead nevertheless",
        told,
    )
    assert not [line for line in machines.asked() if line.endswith("fleet-run")]


def test_in_another_tier_it_is_not(fleet: Fleet) -> None:
    deploying.require_no_rollout(fleet, [STAGING1], now=False)
    with pytest.raises(FleetError, match="rollout 7 of anna"):
        deploying.require_no_rollout(fleet, [STAGING1, APP1], now=False)


def test_with_now_it_leaves_a_line_on_the_server(fleet: Fleet, machines: Machines) -> None:
    (machines.directory / "puppet.example.org" / NOTE).touch()
    deploying.require_no_rollout(fleet, [APP1, STAGING1], now=True)
    assert f"puppet.example.org {NOTE}" in machines.asked()


def test_each_step_asks_the_server_for_exactly_that(fleet: Fleet, machines: Machines) -> None:
    which = "--rollout 7 --epoch 2 --tier production"
    kept = f"fleet-deploy {COMMIT} --kept {which}"
    wanted = [
        f"fleet-deploy production --commit {COMMIT} --seal",
        f"{kept} --begin",
        f"{kept} --node app1.example.org --node app2.example.org",
        f"{kept} --no-nodes",
        f"{kept} --finish --fleet",
        f"{kept} --finish",
        f"fleet-deploy {which} --abort",
    ]
    for command in wanted:
        (machines.directory / "puppet.example.org" / command).write_text("done\n")
    each = (fleet, 7, 2, "production")
    assert deploying.seal(fleet, "production", COMMIT) == "done"
    deploying.begin(*each, COMMIT)
    deploying.give(*each, COMMIT, [APP1.certname, APP2.certname])
    deploying.give(*each, COMMIT, [])
    deploying.finish(*each, COMMIT, whole=True)
    deploying.finish(*each, COMMIT)
    deploying.abort(*each)
    assert machines.asked()[-len(wanted) :] == [f"puppet.example.org {command}" for command in wanted]
