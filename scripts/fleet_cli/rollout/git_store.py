"""Rollouts in the remote git repository."""

import getpass
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fleet_cli.fleet import remotes
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import process
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.clones import git
from fleet_cli.rollout import state
from fleet_cli.rollout.state import REF, Rollout, Rollouts

ATTEMPTS = 10
"""So often a change is tried anew where others write at the same time."""


class GitStore:
    """A file N.json for each rollout in one ref. See the module `state`."""

    def __init__(self, fleet: Fleet, repo: Path) -> None:
        self._fleet, self._repo = fleet, repo
        self._remote = remotes.of(fleet)
        self._read: tuple[str, Rollouts] = ("", {})

    def read(self) -> Rollouts:
        """Return all rollouts, as the remote has them now."""
        commit = self._remote.fetch(self._repo, REF)
        if commit != self._read[0]:
            self._read = (commit, self._of(commit))
        return self._copies()

    def _copies(self) -> Rollouts:
        """What was read last; whoever gets it changes it."""
        return {number: state.read(one.as_json()) for number, one in self._read[1].items()}

    def change(self, change: Callable[[Rollouts], tuple[Rollout, str]]) -> Rollout:
        """Change one rollout on top of what the remote has."""
        for attempt in range(ATTEMPTS):
            # What was read last is most often what is there: if not, the push says so.
            there = self._copies() if attempt == 0 and self._read[0] else self.read()
            before = self._read[0]
            rollout, line = change(there)
            commit = self._commit(before, rollout, f"{rollout.number}: {line}")
            if self._remote.replace(self._repo, REF, before, commit):
                self._read = (commit, {**self._read[1], rollout.number: state.read(rollout.as_json())})
                return rollout
        raise FleetError(f"{self._fleet.remote}: {REF} is written to by others all the time: try again")

    def _of(self, commit: str) -> Rollouts:
        found: Rollouts = {}
        if not commit:
            return found
        names = [line.partition("\t")[2] for line in git(self._repo, "ls-tree", commit).splitlines()]
        for name, text in zip(names, self._texts(commit, names), strict=True):
            try:
                found[int(name.removesuffix(".json"))] = state.read(text)
            except ValueError as error:
                raise FleetError(
                    f"{self._fleet.remote}: {name} in {REF} can't be read ({error}): it may be of a newer fleet: `git"
                    " pull`"
                ) from None
        return found

    def _texts(self, commit: str, names: Sequence[str]) -> Iterator[str]:
        """Yield the content of files, by one process: a fleet has hundreds of rollouts in time."""
        asked = "".join(f"{commit}:{name}\n" for name in names)
        left = process.run(["git", "-C", self._repo, "cat-file", "--batch"], stdin=asked).stdout.encode()
        while left:
            # `HASH blob BYTES`, a line, and then so many bytes and the end of a line.
            head, _, rest = left.partition(b"\n")
            size = int(head.rpartition(b" ")[2])
            yield rest[:size].decode()
            left = rest[size + 1 :]

    def _commit(self, parent: str, rollout: Rollout, message: str) -> str:
        blob = git(self._repo, "hash-object", "-w", "--stdin", stdin=rollout.as_json())
        name = f"{rollout.number}.json"
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if parent:
                git(self._repo, "read-tree", parent, env=index)
            git(self._repo, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", env=index)
            tree = git(self._repo, "write-tree", env=index)
        parents = ["-p", parent] if parent else []
        return git(self._repo, "commit-tree", tree, *parents, "-m", message, env=self._who())

    def _who(self) -> dict[str, str]:
        """Who commits: git's own idea of it, or else account and machine."""
        known = process.run(["git", "-C", self._repo, "var", "GIT_COMMITTER_IDENT"], check=False).returncode == 0
        if known:
            return {}
        name, email = account(), f"{account()}@{socket.gethostname()}"
        return {
            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": email,
        }  # fmt: skip


def account() -> str:
    """Return the name of the account that calls."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
