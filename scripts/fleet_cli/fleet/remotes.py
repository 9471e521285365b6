"""How a commit comes to the git repository that a fleet deploys from, and which commit it is there."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from fleet_cli.fleet import ssh
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

    def fetch(self, repo: Path, wanted: str) -> str:
        """Bring a ref, or a commit, from there into the clone; return its commit, the empty string if it is not there.

        Args:
            wanted: the whole name of a ref, or a whole commit.

        Raises:
            FleetError: it can't be asked.
        """

    def replace(self, repo: Path, ref: str, before: str, commit: str) -> bool:
        """Move a ref there from one commit to another; whether it was where it was thought to be.

        Args:
            before: where it is now; the empty string for nowhere.

        Raises:
            FleetError: it can't be written.
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
        asked = ["git", "-C", str(repo), "ls-remote", "--exit-code", self._fleet.remote, f"refs/heads/{branch}"]
        done = process.run(asked, env=self._environment(repo), check=False)
        if done.returncode not in (0, 2):
            why = _why(done.stderr)
            raise FleetError(f"{self._fleet.remote} can't be asked for its branch {branch}: {why}")
        return done.stdout.partition("\t")[0]

    def fetch(self, repo: Path, wanted: str) -> str:
        """Bring a ref, or a commit, from there into the clone."""
        return fetch(repo, self._fleet.remote, wanted, self._environment(repo))

    def replace(self, repo: Path, ref: str, before: str, commit: str) -> bool:
        """Move a ref there, if it is where it was."""
        return replace(repo, self._fleet.remote, ref, before, commit, self._environment(repo))

    def _environment(self, repo: Path) -> dict[str, str]:
        return {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": self._shell(repo)}

    def _shell(self, repo: Path) -> str:
        """The ssh that git starts: the person's own one, which asks nobody and does not wait for ever."""
        set_in_git = process.run(["git", "-C", str(repo), "config", "core.sshCommand"], check=False).stdout.strip()
        own = os.environ.get("GIT_SSH_COMMAND") or set_in_git or "ssh"
        return " ".join([own, *map(shlex.quote, ssh.options(self._fleet))])

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


def fetch(repo: Path, url: str, wanted: str, environment: Mapping[str, str], *options: str) -> str:
    """Bring a ref or a commit of a repository into a clone; return its commit, the empty string if it is not there.

    Raises:
        FleetError: the repository can't be asked.
    """
    command = ["git", "-C", str(repo), "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *options, url]
    own = f"refs/fleet/fetched/{wanted.removeprefix('refs/')}"
    done = process.run([*command, f"+{wanted}:{own}"], env=environment, check=False)
    if done.returncode == 0:
        return clones.git(repo, "rev-parse", f"{own}^{{commit}}")
    if re.search(
        r"couldn't find remote ref|not our ref|no such remote ref|unadvertised object", done.stderr, re.IGNORECASE
    ):
        return ""
    raise FleetError(f"{url} can't be asked for {wanted}: {_why(done.stderr)}")


def replace(  # noqa: PLR0917 - a ref, from where to where, and how
    repo: Path, url: str, ref: str, before: str, commit: str, environment: Mapping[str, str], *options: str
) -> bool:
    """Move a ref of a repository from one commit to another; whether it was where it was thought to be.

    Raises:
        FleetError: it can't be written.
    """
    lease = f"--force-with-lease={ref}:{before}"
    command = ["git", "-C", str(repo), "push", "--quiet", "--porcelain", lease, *options, url, f"{commit}:{ref}"]
    done = process.run(command, env=environment, check=False)
    if done.returncode == 0:
        return True
    said = done.stdout + done.stderr
    # Of two pushes at the same moment one finds the ref locked, or moved since it looked.
    if re.search(r"stale info|fetch first|cannot lock ref|failed to update ref|incorrect old value", said):
        return False
    raise FleetError(f"{url}: {ref} can't be written: {_why(done.stderr)}: who rolls out has to be able to push to it")


def _why(said: str) -> str:
    """What git said of a failure, on one line, without what it says of each."""
    lines = [line.strip() for line in said.splitlines()]
    own = [line for line in lines if line and line not in _ALWAYS and not line.lower().startswith("warning:")]
    return "; ".join(own) or f"{said.strip() or 'git says nothing'}"


_ALWAYS = (
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
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
