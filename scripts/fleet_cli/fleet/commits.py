"""Which commit is deployed, and whether it is the one that git has: in this checkout, and at the remote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fleet_cli.fleet import deploying, remotes
from fleet_cli.fleet.deploying import Answers
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import clones

SHORT = 10
"""Digits of a commit in messages."""


@dataclass(frozen=True)
class Commits:
    """What is deployed, and what there is to deploy.

    Attributes:
        answers: what the Puppet server gives to whom; None if it can't be asked.
        error: why not.
        checkout: what is checked out, as the remote calls it; empty if that is not known.
        checkout_time: when that commit was made, as ISO 8601 has it.
        changed: files of Hiera in the checkout that are in no commit.
        remote: the end of the fleet's branch at the remote; empty if that is not known.
        remote_error: why not.
    """

    answers: Answers | None = None
    error: str = ""
    checkout: str = ""
    checkout_time: str = ""
    changed: Sequence[str] = ()
    remote: str = ""
    remote_error: str = ""

    @property
    def deployed(self) -> str:
        """The commit that the fleet is given; empty if nothing is deployed, or that is not known."""
        return self.answers.commit if self.answers else ""

    def is_checkout(self, environment: str) -> bool | None:
        """Whether an environment is of the commit that is checked out; None if that is not known."""
        if not (environment and self.checkout and self.answers):
            return None
        return self.checkout.startswith(self.answers.commit_of(environment))


def server(fleet: Fleet) -> Commits:
    """Ask the Puppet server what it gives to whom."""
    try:
        return Commits(deploying.answers(fleet))
    except (FleetError, ValueError) as error:
        return Commits(error=str(error))


def git(fleet: Fleet, repo: Path) -> Commits:
    """Look at the checkout, and at the fleet's branch at the remote."""
    try:
        head = clones.head(repo)
        made = clones.git(repo, "show", "--no-patch", "--format=%cI", head)
        changed = [name for name in clones.uncommitted(repo) if name.startswith("hieradata/")]
    except FleetError:
        return Commits(remote_error="this is no clone of the control repository")
    found = Commits(checkout=head, checkout_time=made, changed=changed)
    try:
        remote = remotes.of(fleet)
        return replace(found, checkout=remote.commit(repo, head), remote=remote.end_of(repo, fleet.branch))
    except FleetError as error:
        return replace(found, remote_error=str(error))


def together(server: Commits, git: Commits) -> Commits:
    """Put together what the server and git say."""
    return replace(git, answers=server.answers, error=server.error)
