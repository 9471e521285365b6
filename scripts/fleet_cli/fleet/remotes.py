"""How a commit comes to the git repository that a fleet deploys from, and which commit it is there."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from fleet_cli.fleet.description import GIT, Fleet
from fleet_cli.machine import process
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import clones


class Remote(Protocol):
    """The git repository that a fleet deploys from."""

    def bring(self, repo: Path, wanted: str | None, branch: str) -> str:
        """Return the commit that is at the end of the branch there, and is the one that is meant.

        Args:
            repo: a clone.
            wanted: a branch of the clone, or a commit; without it, what is checked out.

        Raises:
            FleetError: it is another one; the message says what to do.
        """

    def commit(self, repo: Path, wanted: str) -> str:
        """Return a commit of the clone as it is called there.

        Raises:
            FleetError: the clone has no such commit.
        """

    def end_of(self, repo: Path, branch: str) -> str:
        """Return the commit at the end of a branch there, the empty string where that is not known.

        Raises:
            FleetError: it can't be asked.
        """


class PushedByPeople:
    """A repository that people push to, themselves, after whatever review they have: nothing is pushed from here."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def bring(self, repo: Path, wanted: str | None, branch: str) -> str:
        """Return the commit at the end of the remote's branch, if it is the one that is meant."""
        meant = clones.head(repo, wanted)
        there = self.end_of(repo, branch)
        if not there:
            raise FleetError(
                f"{self._fleet.remote} has no branch {branch}: `git push {shlex.quote(self._fleet.remote)}"
                f" {wanted or 'HEAD'}:refs/heads/{branch}` first"
            )
        if there == meant:
            return there
        what = "HEAD" if wanted is None else wanted
        raise FleetError(f"{what} ({meant[:10]}) is not what {branch} is at {self._fleet.remote} ({there[:10]}): "
                         + self._where(repo, meant, there, branch))  # fmt: skip

    def commit(self, repo: Path, wanted: str) -> str:
        """Return the commit: it is the same one there."""
        return clones.head(repo, wanted)

    def end_of(self, repo: Path, branch: str) -> str:
        """Return the commit at the end of a branch there, the empty string if there is no such branch."""
        config = ["-F", str(self._fleet.ssh_config)] if self._fleet.ssh_config else []
        asked = ["git", "-C", str(repo), "ls-remote", "--exit-code", self._fleet.remote, f"refs/heads/{branch}"]
        shell = {"GIT_SSH_COMMAND": shlex.join(["ssh", *config, "-o", "BatchMode=yes"])} if config else {}
        done = process.run(asked, env={"GIT_TERMINAL_PROMPT": "0", **shell}, check=False)
        if done.returncode not in (0, 2):
            said = done.stderr.strip()
            raise FleetError(f"{self._fleet.remote} can't be asked for its branch {branch}: {said}")
        return done.stdout.partition("\t")[0]

    def _where(self, repo: Path, meant: str, there: str, branch: str) -> str:
        try:
            ahead, behind = clones.git(repo, "rev-list", "--left-right", "--count", f"{meant}...{there}").split()
        except CommandFailedError:
            return f"this clone does not have that commit: `git pull`, or deploy it by its name, {there[:10]}"
        if behind == "0":
            return (
                f"{ahead} ahead: `git push {shlex.quote(self._fleet.remote)} {meant[:10]}:{branch}` first; no deploy"
                " pushes"
            )
        return (
            f"{ahead} ahead and {behind} behind: `git pull --rebase`, or deploy that commit by its name, {there[:10]}"
        )


_KINDS: dict[str, Callable[[Fleet], Remote]] = {GIT: PushedByPeople}


def register(word: str, make: Callable[[Fleet], Remote]) -> None:
    """Have fleets whose description says `commits: WORD` get commits to their remote in a way of their own."""
    _KINDS[word] = make


def of(fleet: Fleet) -> Remote:
    """Return the remote of a fleet.

    Raises:
        FleetError: its description names a way that there is not.
    """
    try:
        return _KINDS[fleet.commits](fleet)
    except KeyError:
        raise FleetError(f"{fleet.file}: commits: {fleet.commits!r} is none of {', '.join(sorted(_KINDS))}") from None
