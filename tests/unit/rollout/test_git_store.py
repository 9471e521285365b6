"""Rollouts in a remote git repository: what one clone writes another reads, and of two at once none is lost."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout.git_store import GitStore
from fleet_cli.rollout.judging import Counts
from fleet_cli.rollout.state import REF, Baseline, NodeChange, NodeState, Rollout, Rollouts, ServiceChange, read
from fleet_cli.rollout.waves import Wave


def rollout(number: int = 1) -> Rollout:
    return Rollout(
        number, 1, "c" * 40, {"production": "c" * 40}, {"production": "b" * 40}, True, "faster", "anna", "laptop", 5,
        {"app1.test": NodeChange("app1", "app", "production", {"orders": ServiceChange("1", "2", "1.abc")},
                                 ["File[/etc/x]"],
                                 NodeState.SICK, "it does badly")},
        [Wave("production", "canary", ("app1.test",))],
        baseline={"orders": Baseline(Counts(3, 1, {0.25: 1}, 4.5), Counts())}, log=[(5, "begun by anna: faster")],
    )  # fmt: skip


class Team:
    """A bare repository, and clones of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.remote = directory / "control.git"
        subprocess.run(["git", "init", "-q", "--bare", str(self.remote)], check=True)

    def store(self, name: str) -> GitStore:
        clone = self.directory / name
        subprocess.run(["git", "clone", "-q", str(self.remote), str(clone)], check=True, stderr=subprocess.DEVNULL)
        return GitStore(Fleet(self.directory / "fleet.yaml", "puppet.test", str(self.remote)), clone)

    def log(self) -> list[str]:
        return subprocess.check_output(
            ["git", "-C", str(self.remote), "log", "--reverse", "--format=%s", REF], encoding="utf-8"
        ).splitlines()


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def test_another_clone_reads_all_of_it(team: Team) -> None:
    made = team.store("anna").change(lambda _: (rollout(), "begun by anna: faster"))
    assert team.store("bert").read() == {1: made} == {1: rollout()}
    assert team.log() == ["1: begun by anna: faster"]


def test_many_are_read_whatever_is_written_in_them(team: Team) -> None:
    anna = team.store("anna")
    for number, why in enumerate(("größer", "两倍快", "two\nlines\n", "\u2028")):
        one = replace(rollout(number), why=why)
        anna.change(lambda _, one=one: (one, "begun"))  # type: ignore[misc]
    assert [one.why for one in team.store("bert").read().values()] == ["größer", "两倍快", "two\nlines\n", "\u2028"]


def test_two_clones_at_once_write_on_top_of_each_other(team: Team) -> None:
    anna, bert = team.store("anna"), team.store("bert")
    anna.change(lambda _: (rollout(), "begun"))
    bert.read()
    seen = []

    def meanwhile(rollouts: Rollouts) -> tuple[Rollout, str]:
        seen.append(rollouts[1].wave)
        if len(seen) == 1:
            anna.change(lambda all_: (replace(all_[1], wave=7), "anna's"))
        return replace(rollouts[1], phase=rollouts[1].phase, why="bert's"), "bert's"

    written = bert.change(meanwhile)
    assert seen == [0, 7]
    assert (written.wave, written.why) == (7, "bert's")
    assert team.log() == ["1: begun", "1: anna's", "1: bert's"]
    assert anna.read() == bert.read() == {1: written}


def test_no_rollout_where_there_never_was_one(team: Team) -> None:
    assert team.store("anna").read() == {}


def test_remote_that_is_away_is_one_line(team: Team) -> None:
    store = team.store("anna")
    team.remote.rename(team.directory / "gone")
    with pytest.raises(FleetError, match=r"control.git can't be asked for refs/fleet/rollouts: "):
        store.read()


def test_state_of_a_newer_fleet_is_not_guessed_at(team: Team) -> None:
    store = team.store("anna")
    text = rollout().as_json().replace('"whole"', '"wholly"')
    with pytest.raises(ValueError, match="it is no rollout"):
        read(text)
    blob, clone = team.directory / "blob", team.directory / "anna"
    blob.write_text(text, encoding="utf-8")
    made = subprocess.check_output(["git", "-C", str(clone), "hash-object", "-w", str(blob)], encoding="utf-8").strip()
    tree = subprocess.check_output(
        ["git", "-C", str(clone), "mktree"], input=f"100644 blob {made}\t1.json\n", encoding="utf-8"
    ).strip()
    who = ["-c", "user.name=x", "-c", "user.email=x@test"]
    commit = subprocess.check_output(
        ["git", "-C", str(clone), *who, "commit-tree", tree, "-m", "x"], encoding="utf-8"
    ).strip()
    subprocess.run(["git", "-C", str(clone), "push", "-q", "origin", f"{commit}:{REF}"], check=True)
    with pytest.raises(FleetError, match=r"1.json in refs/fleet/rollouts can't be read .* `git pull`"):
        store.read()
