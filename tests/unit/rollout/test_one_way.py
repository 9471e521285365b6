"""Whoever rolls out what can't be taken back is told before, by what the packages in the repository say."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import one_way
from fleet_cli.rollout.one_way import Change
from fleet_cli.validation import package_index

HIERA = "---\nversion: 5\nhierarchy:\n- {name: All, path: common.yaml}\n"


class Fleet:
    """A control repository in git, and the apt repository that it names."""

    def __init__(self, directory: Path) -> None:
        self.directory, self._apt = directory / "control", directory / "apt"
        self._data = self.directory / "data/common.yaml"
        self._data.parent.mkdir(parents=True)
        (self.directory / "hiera.yaml").write_text(HIERA)
        self._git("init", "--quiet")
        self.names(self._apt)

    def names(self, apt: Path | None) -> None:
        where = {"url": apt, "suite": "fleet", "component": "main"} if apt else {}
        self._data.write_text("".join(f"profile::fleet_repository::{key}: {said}\n" for key, said in where.items()))
        self._git("add", "--all")
        self._git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=A state")

    def publish(self, *versions: str, package: str = "orders") -> None:
        """Publish versions; those that end with a `!` say that they are one way, in the words after it."""
        index = self._apt / f"dists/fleet/main/binary-{package_index.architecture()}/Packages"
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a") as file:
            for said in versions:
                version, mark, words = said.partition("!")
                field = f"One-Way: {words}\n" if mark else ""
                file.write(f"Package: {package}\nVersion: {version}\n{field}Filename: pool/x\nSHA256: 0\n\n")

    def of(self, *changes: Change) -> dict[Change, list[str]]:
        return one_way.of(self.directory, self._git("rev-parse", "HEAD"), changes)

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(package_index, "CACHE", Cache(tmp_path / "indexes", 20))
    return Fleet(tmp_path)


@pytest.mark.parametrize(("old", "new", "found"), [
    ("1.0-1", "1.1-1", []),
    ("1.0-1", "1.2-1", ["1.2-1"]),
    ("1.1-1", "1.10-1", ["1.2-1", "1.9-1", "1.10-1"]),  # jumps over some: what they have done is done by the last
    ("1.2-1", "1.3-1", []),                             # is behind it already
    ("1.10-1", "1.9-1", ["1.10-1"]),
    ("1.3-1", "1.0-1", ["1.2-1"]),                      # goes back behind it
    ("1.2-1", "1.2-1", []),
    ("", "1.10-1", []),
])  # fmt: skip
def test_a_change_is_told_the_versions_that_it_can_not_go_back_behind(
    fleet: Fleet, old: str, new: str, found: list[str]
) -> None:
    fleet.publish("1.0-1", "1.1-1", "1.10-1!yes", "1.2-1!yes", "1.3-1", "1.9-1!yes")
    fleet.publish("1.1-1!yes", package="inventory")
    change = Change("orders", old, new)
    assert fleet.of(change) == ({change: found} if found else {})


@pytest.mark.parametrize(("said", "is_one_way"), [
    ("yes", True), ("Yes", True), ("true", True), ("drops the table of carts", True), ("no", False), ("No ", False),
])  # fmt: skip
def test_only_no_means_no(fleet: Fleet, said: str, is_one_way: bool) -> None:
    fleet.publish("1.0-1", f"2.0-1!{said}")
    assert bool(fleet.of(Change("orders", "1.0-1", "2.0-1"))) is is_one_way


def test_a_version_that_was_published_a_moment_ago_counts(fleet: Fleet) -> None:
    fleet.publish("1.0-1", "1.1-1")
    assert fleet.of(Change("orders", "1.0-1", "1.1-1")) == {}
    fleet.publish("1.2-1!yes")
    change = Change("orders", "1.0-1", "1.2-1")
    assert fleet.of(change) == {change: ["1.2-1"]}


def test_a_repository_that_does_not_answer_is_no_repository_in_which_nothing_says_so(fleet: Fleet) -> None:
    with pytest.raises(FleetError):
        fleet.of(Change("orders", "1.0-1", "1.1-1"))


def test_where_hiera_names_no_repository_nothing_says_so(fleet: Fleet) -> None:
    fleet.names(None)
    assert fleet.of(Change("orders", "1.0-1", "1.1-1")) == {}
