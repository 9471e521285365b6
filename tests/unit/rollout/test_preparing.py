"""Before a rollout begins: what the server gives now, and what a rollback would take with it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.fleet import deploying
from fleet_cli.fleet.deploying import Answers
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Group, Plan
from fleet_cli.planning.unused import Unused
from fleet_cli.rollout import preparing
from fleet_cli.rollout.one_way import Change
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


def test_one_way_is_asked_of_the_package_that_a_service_runs_from() -> None:
    """Else what nobody can go back behind would be taken back by itself."""
    items = (
        Effect("orders", "new release", "1-1", "2-1", ("its package",), "shop"),
        Effect("billing", "new release", "3-1", "4-1", ("its package",)),
        Effect("nginx", "restart"),
    )
    plan = Plan(OLD, NEW, 1, 2, (Group(("app1",), items),), Unused((), (), ()), ())
    assert preparing._packages(plan) == {Change("shop", "1-1", "2-1"), Change("billing", "3-1", "4-1")}


def git(directory: Path, *arguments: str) -> str:
    who = ["-c", "user.name=anna", "-c", "user.email=anna@example.org"]
    done = subprocess.run(["git", "-C", str(directory), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_the_fleet_has_now_is_fetched_where_the_clone_lacks_it(tmp_path: Path) -> None:
    """Somebody else's commit is deployed, and this clone was not pulled since."""
    remote, clone, other = (tmp_path / name for name in ("remote.git", "clone", "other"))
    subprocess.run(["git", "init", "-q", "--bare", "-b", "production", str(remote)], check=True)
    subprocess.run(["git", "init", "-q", "-b", "production", str(other)], check=True)
    git(other, "commit", "-q", "--allow-empty", "-m", "first")
    git(other, "push", "-q", str(remote), "production")
    subprocess.run(["git", "clone", "-q", str(remote), str(clone)], check=True)
    git(other, "commit", "-q", "--allow-empty", "-m", "deployed")
    deployed = git(other, "rev-parse", "HEAD")
    git(other, "commit", "-q", "--allow-empty", "-m", "to be rolled out")
    git(other, "push", "-q", str(remote), "production")
    fleet = Fleet(tmp_path / "fleet.yaml", "puppet.test", str(remote))
    rollout = done()
    rollout.commit, rollout.goal = deployed, {"production": deployed}
    assert preparing.here(fleet, clone, rollout) == deployed
    assert git(clone, "show", "--no-patch", "--format=%s", deployed) == "deployed"
    rollout.commit, rollout.goal = OTHER, {"production": OTHER}
    with pytest.raises(FleetError, match=r"commit cccccccccc is neither in this clone nor at .*remote\.git: no plan"):
        preparing.here(fleet, clone, rollout)
