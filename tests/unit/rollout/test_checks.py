"""A control repository's own checks: what they are told, and that no trouble of theirs is taken for a bad release."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from fleet_cli.machine import paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import checks
from fleet_cli.rollout.checks import Change, Result, Verdict

CHANGE = Change("app1.example.org", "orders", "1.0-1", "1.1-1")
OTHER = Change("app2.example.org", "orders", "", "1.1-1")


class Repository:
    """A control repository, each state of it a commit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._git("init", "--quiet")

    def write(self, name: str, text: str, mode: int = 0o755) -> None:
        path = self.directory / "rollout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def check(self, name: str, script: str) -> None:
        self.write(f"checks/{name}", f"#!/bin/sh\n{script}\n")

    def commit(self) -> str:
        self._git("add", "--all")
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        self._git(*who, "commit", "--quiet", "--allow-empty", "--message=A state")
        return self._git("rev-parse", "HEAD")

    def run(self, *changes: Change, seconds: int = 30) -> list[Result]:
        with checks.at(self.directory, self.commit()) as found:
            return found.run(changes or [CHANGE], tier="production", rollout=7, seconds=seconds)

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(paths, "WORK", tmp_path / "work")
    (tmp_path / "control").mkdir()
    return Repository(tmp_path / "control")


def test_a_repository_without_checks_has_nothing_to_say(repository: Repository) -> None:
    assert repository.run() == []


def test_every_check_is_told_what_changed_where(repository: Repository) -> None:
    repository.check("told", 'printf "%s|" "$@"; env | sort | grep ^FLEET_; ' + "pwd | grep -q /rollout$")
    given, new = repository.run(CHANGE, OTHER)
    assert given.output == (
        "app1.example.org|orders|1.0-1|1.1-1|FLEET_NEW_VERSION=1.1-1", "FLEET_NODE=app1.example.org",
        "FLEET_OLD_VERSION=1.0-1", "FLEET_ROLLOUT=7", "FLEET_SERVICE=orders", "FLEET_TIER=production",
    )  # fmt: skip
    assert new.output[0].startswith("app2.example.org|orders||1.1-1|")
    assert [each.verdict for each in (given, new)] == [Verdict.GOOD, Verdict.GOOD]


@pytest.mark.parametrize(("script", "verdict", "reason"), [
    ("exit 0", Verdict.GOOD, "exit status 0"),
    ("exit 1", Verdict.BAD, "exit status 1"),
    ("exit 2", Verdict.FAILED, "exit status 2"),
    ("exit 127", Verdict.FAILED, "exit status 127"),
    ("kill -9 $$", Verdict.FAILED, "ended by signal 9"),
    ("no-such-program", Verdict.FAILED, "exit status 127"),
])  # fmt: skip
def test_only_status_1_is_the_fault_of_the_release(
    repository: Repository, script: str, verdict: Verdict, reason: str
) -> None:
    repository.check("one", script)
    (result,) = repository.run()
    assert (result.check, result.verdict, result.reason) == ("one", verdict, reason)


def test_a_check_that_can_not_be_started_has_failed(repository: Repository) -> None:
    repository.write("checks/lost", "#!/no/such/interpreter\n")
    (result,) = repository.run()
    assert result.verdict is Verdict.FAILED
    assert "/no/such/interpreter" in "".join((result.reason, *result.output)) or "checks/lost" in "".join(result.output)


def test_a_check_that_hangs_is_killed_with_all_that_it_started_and_blames_nobody(
    repository: Repository, tmp_path: Path
) -> None:
    repository.check("hangs", f"echo still here; sleep 600 & echo $! >{tmp_path}/pid; trap '' TERM; sleep 600")
    began = time.monotonic()
    (result,) = repository.run(seconds=1)
    assert time.monotonic() - began < 60
    assert (result.verdict, result.output) == (Verdict.FAILED, ("still here",))
    assert "did not end within 1 s" in result.reason
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_nothing_that_a_check_started_stays_behind_it(repository: Repository, tmp_path: Path) -> None:
    repository.check("leaves", f"sleep 600 >/dev/null 2>&1 & echo $! >{tmp_path}/pid")
    (result,) = repository.run()
    assert result.verdict is Verdict.GOOD
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet counts as ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_of_a_long_output_the_last_lines_are_kept_as_a_terminal_may_have_them(repository: Repository) -> None:
    repository.check("talks", "seq 1 500; printf '\\033[31mred\\n'; exit 1")
    (result,) = repository.run()
    assert len(result.output) == checks.LINES
    assert result.output[-2:] == ("500", "\\x1b[31mred")
    assert str(result) == "talks: orders on app1.example.org: exit status 1: \\x1b[31mred"


def test_what_runs_is_what_the_commit_has_and_not_what_lies_about(repository: Repository) -> None:
    repository.check("one", '. "$PWD/words.sh"; echo "$word"')
    repository.write("words.sh", "word=committed\n", 0o644)
    repository.write("checks/README.md", "Words about checks.\n", 0o644)
    commit = repository.commit()
    repository.check("one", "echo edited")
    repository.check("two", "echo added")
    with checks.at(repository.directory, commit) as found:
        directory = found.directory
        (result,) = found.run([CHANGE], tier="staging", rollout=1, seconds=30)
    assert result.output == ("committed",)
    assert not directory.exists()


def test_what_looks_like_a_check_and_would_never_run_is_told(repository: Repository) -> None:
    repository.write("checks/search", "#!/bin/sh\nexit 1\n", 0o644)
    with pytest.raises(FleetError, match=r"^rollout/checks/search begins with #! and is not executable"):
        repository.run()


def test_checks_run_beside_each_other_and_are_told_in_order(repository: Repository, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meet")
    repository.check("a", f"echo there >{tmp_path}/meet")
    repository.check("b", f"cat {tmp_path}/meet")
    assert [(each.check, each.output) for each in repository.run()] == [("a", ()), ("b", ("there",))]
