"""`.ci/run` tests the commit that is checked out, in an awkward place of its own, and leaves nothing of that."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
FLEET = """\
#!/bin/sh
cd "$(dirname "$0")/.."
echo "$(pwd)|$(git rev-parse HEAD)|$(git rev-parse --is-shallow-repository)|$(stat -c %a ../..)|$*" >> "$CALLS"
[ "$1" != test ] || exit "$STATUS"
"""
"""In the place of scripts/fleet: notes where it is called and how."""


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Developer", "-c", "user.email=developer@fleet.test"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Checkout:
    """A checkout with `.ci/run`; clones are made below `places`."""

    directory: Path
    places: Path
    commit: str

    def run(self, status: int = 0) -> tuple[int, list[list[str]]]:
        """Run `.ci/run`, in which the tests end with a status; return its own, and the calls of fleet."""
        calls = self.places.with_name("calls")
        environment = {**os.environ, "TMPDIR": str(self.places), "HOME": str(self.places.parent),
                       "GIT_CONFIG_NOSYSTEM": "1", "CALLS": str(calls), "STATUS": str(status)}  # fmt: skip
        done = subprocess.run([self.directory / ".ci/run"], cwd="/", env=environment, check=False)
        return done.returncode, [line.split("|") for line in calls.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(params=["plain", "shallow", "of another user", "worktree"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    original = tmp_path / "original"
    for name, text in ((".ci/run", (REPO / ".ci/run").read_text(encoding="utf-8")), ("scripts/fleet", FLEET)):
        (original / name).parent.mkdir(parents=True)
        (original / name).write_text(text, encoding="utf-8")
        (original / name).chmod(0o755)
    git(original, "init", "--quiet", "--initial-branch=main")
    git(original, "add", "--all")
    git(original, "commit", "--quiet", "--message=First")
    git(original, "commit", "--quiet", "--allow-empty", "--message=Second")
    directory = tmp_path / "a checkout"
    if request.param == "worktree":
        git(original, "worktree", "add", "--quiet", "--detach", str(directory))
    else:
        depth = ["--depth=1"] if request.param == "shallow" else []
        git(tmp_path, "clone", "--quiet", *depth, f"file://{original}", str(directory))
    commit = git(directory, "rev-parse", "HEAD")
    if request.param == "of another user":
        if os.geteuid() != 0:
            pytest.skip("needs root to give the checkout away")
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, 65534, 65534)
    (tmp_path / "places").mkdir()
    return Checkout(directory, tmp_path / "places", commit)


@pytest.mark.parametrize("status", [0, 3], ids=["passed", "failed"])
def test_the_checked_out_commit_is_tested_in_an_awkward_place_that_is_gone_afterwards(
    checkout: Checkout, status: int
) -> None:
    left_over = checkout.places / "fleet-ci.killed"
    left_over.mkdir()
    ended, calls = checkout.run(status)
    assert ended == status
    assert [call[-1] for call in calls] == ["lab down", "test --require-lab --deploy --durations=25", "lab down"]
    ((place, commit, shallow, mode),) = {tuple(call[:4]) for call in calls}
    assert (commit, shallow) == (checkout.commit, "true")
    assert Path(place).is_relative_to(checkout.places)
    assert " " in Path(place).relative_to(checkout.places).as_posix()
    assert not place.isascii()
    assert mode == "700"
    assert list(checkout.places.iterdir()) == []
