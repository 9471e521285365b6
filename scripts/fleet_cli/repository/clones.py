"""A clone of a control repository: its commits and branches, and what it lacks."""

import re
from collections.abc import Mapping
from pathlib import Path

from fleet_cli.machine import process
from fleet_cli.machine.errors import CommandFailedError, FleetError

COMMIT = re.compile(r"(c_)?[0-9a-f]{7,40}")
"""A commit as people write it, or the environment of one."""


def git(
    repo: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    strip: bool = True,
) -> str:
    """Run git in a clone; return what it printed.

    Raises:
        CommandFailedError: its status is not 0.
    """
    output = process.run(["git", "-C", repo, *arguments], env=env, stdin=stdin).stdout
    return output.strip() if strip else output


def head(repo: Path, wanted: str | None = None) -> str:
    """Return the commit that is meant.

    Args:
        wanted: a branch of the clone, or a commit of at least seven digits; without it, what is checked out.

    Raises:
        FleetError: not a git repository, no commit, or no such branch or commit.
    """
    if wanted is None:
        name = "HEAD"
    elif not re.fullmatch(r"[a-z0-9_]+", wanted):
        raise FleetError(
            f"{wanted!r} can't be an environment: Puppet allows lower-case letters, digits and underscores;"
            " rename the branch"
        )
    elif is_branch(repo, wanted):
        name = f"refs/heads/{wanted}"
    elif COMMIT.fullmatch(wanted):
        name = wanted.removeprefix("c_")
    else:
        raise FleetError(f"{repo}: there is no branch {wanted!r} to deploy")
    try:
        return git(repo, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except CommandFailedError:
        what = f"commit {wanted!r}" if wanted else "commit"
        raise FleetError(f"{repo}: there is no {what} to deploy") from None


def is_branch(repo: Path, name: str) -> bool:
    """Whether the clone has a branch of that name."""
    try:
        git(repo, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}^{{commit}}")
    except CommandFailedError:
        return False
    return True


def uncommitted(repo: Path) -> list[str]:
    """Return the files whose changes no deploy carries, since they are in no commit."""
    return [line[3:] for line in git(repo, "status", "--porcelain", strip=False).splitlines()]


def how_to_complete(repo: Path) -> str:
    """Return what to type to get what a shallow clone lacks, its other branches too; empty for a whole repository."""
    shallow = process.run(["git", "-C", repo, "rev-parse", "--is-shallow-repository"], check=False).stdout.strip()
    if shallow != "true":
        return ""
    return (
        "this is a shallow clone, and"
        f" `git -C '{repo}' fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'` gets the rest"
    )
