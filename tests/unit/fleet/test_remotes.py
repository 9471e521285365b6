"""On a fleet of one's own a deploy pushes nothing, and deploys nothing but what the clone and the remote agree on."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.fleet import remotes
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError


def git(repo: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "init.defaultBranch=production"]
    command = ["git", "-C", str(repo), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(repo: Path, name: str) -> str:
    git(repo, "commit", "--quiet", "--allow-empty", "--message", name)
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose remote has the same commit."""
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    remote.mkdir()
    git(remote, "init", "--quiet", "--bare")
    git(tmp_path, "clone", "--quiet", str(remote), str(clone))
    git(clone, "switch", "--quiet", "--orphan", "production")
    commit(clone, "first")
    git(clone, "push", "--quiet", "origin", "production")
    return clone


def bring(clone: Path, wanted: str | None = None, branch: str = "production") -> str:
    fleet = Fleet(clone / "fleet.yaml", "puppet.example.org", str(clone.parent / "remote.git"))
    return remotes.of(fleet).bring(clone, wanted, branch)


def refused(clone: Path, wanted: str | None = None, branch: str = "production") -> str:
    before = git(clone.parent / "remote.git", "for-each-ref")
    with pytest.raises(FleetError) as error:
        bring(clone, wanted, branch)
    assert git(clone.parent / "remote.git", "for-each-ref") == before, "nothing was to be pushed"
    return str(error.value)


def test_what_both_have_is_deployed(clone: Path) -> None:
    assert bring(clone) == git(clone, "rev-parse", "HEAD")


def test_a_clone_that_is_ahead_is_to_be_pushed_by_its_person(clone: Path) -> None:
    commit(clone, "mine")
    said = refused(clone)
    assert "1 ahead: `git push" in said
    assert "no deploy pushes" in said


def test_a_clone_that_is_behind_deploys_by_the_commits_name_only(clone: Path) -> None:
    newest = commit(clone, "newest")
    git(clone, "push", "--quiet", "origin", "production")
    git(clone, "reset", "--quiet", "--hard", "HEAD^")
    assert "0 ahead and 1 behind: `git pull --rebase`" in refused(clone)
    assert bring(clone, newest[:10]) == newest


def test_a_commit_that_the_clone_does_not_have_is_named(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "remote.git"), str(other))
    newest = commit(other, "of somebody else")
    git(other, "push", "--quiet", "origin", "production")
    assert f"this clone does not have that commit: `git pull`, or deploy it by its name, {newest[:10]}" in refused(
        clone
    )


def test_a_branch_that_was_never_pushed_is_said_to_be_so(clone: Path) -> None:
    git(clone, "switch", "--quiet", "--create", "trial")
    assert "has no branch trial: `git push" in refused(clone, "trial", "trial")


def test_a_remote_that_does_not_answer_is_named(clone: Path) -> None:
    (clone.parent / "remote.git").rename(clone.parent / "gone")
    with pytest.raises(FleetError, match=r"remote\.git can't be asked for its branch production: fatal: .+") as told:
        bring(clone)
    assert "\n" not in str(told.value)
    assert "access rights" not in str(told.value)
