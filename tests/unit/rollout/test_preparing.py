"""Before a rollout begins: what the server gives now, and what a rollback would take with it."""

from pathlib import Path
from typing import Any

import pytest
from fleet_cli.fleet import deploying
from fleet_cli.fleet.deploying import Answers
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import preparing
from fleet_cli.rollout.state import Rollout

OLD, NEW, OTHER = "a" * 40, "b" * 40, "c" * 40
FLEET = Fleet(Path("fleet.yaml"), "puppet.test", "control.git")


def answers(fleet: str, **tiers: str) -> Answers:
    def answer(commit: str) -> dict[str, Any]:
        return {"environment": f"c_{commit[:10]}", "branch": None, "since": 1, "by": "anna"}

    commits = {f"c_{commit[:10]}": commit for commit in (OLD, NEW, OTHER)}
    return Answers({
        "fleet": answer(fleet), "tiers": {tier: answer(commit) for tier, commit in tiers.items()}, "nodes": {},
        "branches": {}, "commits": commits,
    })  # fmt: skip


def done() -> Rollout:
    tiers = ("staging", "production")
    return Rollout(
        3, 1, NEW, dict.fromkeys(tiers, NEW), dict.fromkeys(tiers, OLD), True, "", "anna", "laptop", 1, {}, []
    )


def test_rollback_takes_back_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploying, "answers", lambda _: answers(NEW))
    preparing.require_given(FLEET, done())


def test_rollback_takes_no_later_deploy_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploying, "answers", lambda _: answers(NEW, production=OTHER))
    with pytest.raises(FleetError, match="production is given commit cccccccccc by now, not bbbbbbbbbb of rollout 3"):
        preparing.require_given(FLEET, done())
