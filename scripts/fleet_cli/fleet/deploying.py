"""Deploys on the Puppet server, and which deployed commit its nodes are given."""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.fleet import remotes, ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Named
from fleet_cli.machine import paths, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import clones

PROGRAM, LIST = "fleet-deploy", "fleet-answers"


@dataclass(frozen=True)
class Trial:
    """A node that is given another branch or commit than the fleet, for a while.

    Attributes:
        branch: the branch; None for a commit.
        environment: the environment of its commit.
        until: when it ends, in seconds since 1970.
    """

    branch: str | None
    environment: str
    until: int


@dataclass(frozen=True)
class Given:
    """What a node is given, and why.

    Attributes:
        scope: whose answer it is: `node` for a trial, `tier`, or `fleet`.
        environment: the environment of the commit.
        branch: the branch that is followed; None for a commit.
        since: when it was set, in seconds since 1970.
        by: the account that set it.
        until: when it ends; None if it does not.
    """

    scope: str
    environment: str
    branch: str | None
    since: int
    by: str
    until: int | None

    @property
    def what(self) -> str:
        """The branch, or the commit where no branch is followed."""
        return self.branch or f"commit {self.environment.removeprefix('c_')}"


class Answers:
    """Which environment the Puppet server gives to whom."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def commit(self) -> str:
        """The commit that the fleet is given; the empty string if nothing is deployed."""
        fleet = self._data["fleet"]
        return str(self._data["commits"].get(fleet["environment"], "")) if fleet else ""

    @property
    def commits(self) -> set[str]:
        """All commits that are kept."""
        return set(self._data["commits"].values())

    @property
    def trials(self) -> dict[str, Trial]:
        """The nodes that are on trial, by certname."""
        nodes = self._data["nodes"].items()
        return {name: Trial(answer["branch"], answer["environment"], answer["until"]) for name, answer in nodes}

    def given(self, certname: str, tier: str) -> Given | None:
        """What a node of a tier is given: the narrowest answer counts. None if nothing is deployed."""
        found = (
            ("node", self._data["nodes"].get(certname)),
            ("tier", self._data["tiers"].get(tier)),
            ("fleet", self._data["fleet"]),
        )
        for scope, answer in found:
            if answer:
                return Given(
                    scope, answer["environment"], answer["branch"], answer["since"], answer["by"], answer.get("until")
                )
        return None

    def commit_of(self, environment: str) -> str:
        """The commit of an environment; the start of it that its name has, if it is not kept any more."""
        return str(self._data["commits"].get(environment, environment.removeprefix("c_")))

    def environment(self, wanted: str) -> str:
        """Return the environment of what is called so: a branch that was deployed, or a commit that is kept.

        The fleet's branch stands for what the fleet is given, which may be an earlier commit.

        Raises:
            FleetError: there is none.
        """
        fleet, branches = self._data["fleet"], self._data["branches"]
        if fleet and wanted == fleet["branch"]:
            return str(fleet["environment"])
        if wanted in branches:
            return str(branches[wanted])
        start = wanted.removeprefix("c_")
        found = [name for name, commit in self._data["commits"].items() if commit.startswith(start)]
        if clones.COMMIT.fullmatch(wanted) and len(found) == 1:
            return str(found[0])
        known = ", ".join([*sorted(branches), *sorted(self._data["commits"])])
        raise FleetError(f"{wanted!r} is not deployed on the Puppet server, which has: {known}")


def deploy(fleet: Fleet, repo: Path, wanted: str | None = None, *, tier: str | None = None) -> str:
    """Deploy what is checked out, a branch, or a commit; return what the server says.

    What is checked out, or a commit, goes to all who follow the fleet's branch; a branch of another name to those who
    follow it. With a tier it goes to that tier alone.

    Raises:
        FleetError: no such branch or commit; the remote has another one; git, r10k or a check failed. What nodes are
            given has not changed then.
    """
    scope = ["--tier", tier] if tier else []
    if wanted and not clones.is_branch(repo, wanted) and clones.COMMIT.fullmatch(wanted):
        return _deploy_commit(fleet, repo, wanted, scope)
    # What is for a tier alone has a branch of its own: a deploy of the fleet's branch is not to bring it to all others.
    branch = wanted or (f"tier_{tier}" if tier else fleet.branch)
    with _one_at_a_time():
        commit = remotes.of(fleet).bring(repo, wanted, branch)
        return _ask(fleet, f"deploy of {branch}", [branch, "--commit", commit, *scope])


def _deploy_commit(fleet: Fleet, repo: Path, wanted: str, scope: Sequence[str]) -> str:
    """Give a commit that the server keeps, at once; any other commit of this clone is deployed."""
    remote = remotes.of(fleet)
    try:
        commit = remote.commit(repo, wanted)
    except FleetError:
        return _ask(fleet, f"deploy of commit {wanted}", [wanted, "--kept", *scope])  # the server may know it
    if commit in answers(fleet).commits:
        return _ask(fleet, f"deploy of commit {commit[:10]}", [commit, "--kept", *scope])
    branch = f"commit_{commit[:10]}" if scope else fleet.branch
    with _one_at_a_time():
        commit = remote.bring(repo, wanted, branch)
        return _ask(fleet, f"deploy of commit {commit[:10]}", [branch, "--commit", commit, *scope])


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Between the look at the remote, or a push to it, and the deploy, no other deploy from this machine begins."""
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / "deploy.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.say("another deploy is under way on this machine: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def back(fleet: Fleet, *, tier: str | None = None) -> str:
    """Give the fleet, or a tier, what it was given before the last deploy; return what the server says.

    Raises:
        FleetError: there is no way back.
    """
    return _ask(fleet, "going back", ["--back", *(["--tier", tier] if tier else [])])


def end_tier(fleet: Fleet, tier: str) -> str:
    """Have a tier be given what the fleet is given again; return what the server says."""
    return _ask(fleet, f"tier {tier}", ["--end", "--tier", tier])


def try_on(fleet: Fleet, repo: Path, nodes: Sequence[Named], wanted: str, duration: str) -> str:
    """Set a trial: for a while these nodes are given a branch as it was deployed last, or a commit that is kept.

    Args:
        duration: as deploy-environment takes it: 30m, 2h, 1d.

    Raises:
        FleetError: it was not deployed, or the server does not know a node.
    """
    kept = _as_the_server_has_it(fleet, repo, wanted)
    return _ask(fleet, f"trial of {wanted}", [kept, "--kept", "--for", duration, *_nodes(nodes)])


def end_trial(fleet: Fleet, nodes: Sequence[Named]) -> str:
    """End the trials of these nodes before their time; return what the server says."""
    return _ask(fleet, "end of the trial", ["--end", *_nodes(nodes)])


def answers(fleet: Fleet) -> Answers:
    """Ask the server what it gives to whom.

    Raises:
        FleetError: it can't be asked, or its state can't be read.
    """
    done = ssh.run(fleet, fleet.server, LIST, check=False)
    if done.returncode != 0:
        raise FleetError(f"{fleet.server}: can't tell what is deployed: {(done.stderr or done.stdout).strip()}")
    return Answers(json.loads(done.stdout))


def environments(fleet: Fleet, repo: Path, wanted: Sequence[str]) -> list[str]:
    """Return the environments of branches that were deployed, or of commits that are kept.

    Raises:
        FleetError: there is none of that name, or the server can't be asked.
    """
    found = answers(fleet)
    return [found.environment(_as_the_server_has_it(fleet, repo, name)) for name in wanted]


def deployed(fleet: Fleet) -> str:
    """Return the commit that the fleet is given, the empty string where nothing is deployed."""
    return answers(fleet).commit


def _as_the_server_has_it(fleet: Fleet, repo: Path, wanted: str) -> str:
    """Return a commit of this clone as it was deployed; any other name as it is."""
    if clones.is_branch(repo, wanted) or not clones.COMMIT.fullmatch(wanted):
        return wanted
    try:
        return remotes.of(fleet).commit(repo, wanted)
    except FleetError:
        return wanted  # the server may know it


def _nodes(nodes: Sequence[Named]) -> list[str]:
    return [word for node in nodes for word in ("--node", node.certname)]


def _ask(fleet: Fleet, what: str, arguments: Sequence[str]) -> str:
    """Run a deploy on the server; return what it printed."""
    with steps.step(what):
        output: list[str] = []
        try:
            ssh.run(fleet, fleet.server, PROGRAM, *arguments, on_line=output.append)
        except CommandFailedError as error:
            raise FleetError(error.output.strip() or str(error)) from None
    return "\n".join(output)
