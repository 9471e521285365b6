"""Deploys on the Puppet server, and which deployed commit its nodes are given."""

import fcntl
import json
import time
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

PROGRAM, LIST, NOTE = "fleet-deploy", "fleet-answers", "fleet-note"


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
class Rollout:
    """A rollout that is under way in a tier, as the server has it.

    Attributes:
        number: the rollout's number, the same in all tiers.
        epoch: the number of its controller, which grows when another one takes over.
        environment: the environment of its commit.
        since: when it began in the tier, in seconds since 1970.
        by: the account that began it.
        nodes: the nodes that are given its commit, by certname.
    """

    number: int
    epoch: int
    environment: str
    since: int
    by: str
    nodes: tuple[str, ...]

    def under_way(self, tier: str) -> str:
        """Say that it is under way, by whom and since when."""
        then = time.localtime(self.since)
        clock = time.strftime("%H:%M" if then[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", then)
        return f"rollout {self.number} of {self.by} is under way in {tier} since {clock}"


@dataclass(frozen=True)
class Ended:
    """The last rollout of a tier that has come to its end there.

    Attributes:
        environment: the environment of its commit; None if it was aborted before it began in the tier.
        how: `finished` or `aborted`.
        fleet: whether the fleet was given its commit with the tier.
    """

    number: int
    epoch: int
    environment: str | None
    how: str
    fleet: bool


@dataclass(frozen=True)
class Given:
    """What a node is given, and why.

    Attributes:
        scope: whose answer it is: `node` for a trial, `rollout`, `tier`, or `fleet`.
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

    @property
    def rollouts(self) -> dict[str, Rollout]:
        """The rollouts that are under way, by tier."""
        # A server from before there were rollouts says nothing of them.
        found: dict[str, dict[str, Any]] = self._data.get("rollouts", {})
        return {tier: Rollout(**{**its, "nodes": tuple(its["nodes"])}) for tier, its in found.items()}

    @property
    def ended(self) -> dict[str, Ended]:
        """The last rollout that has ended, by tier."""
        return {
            tier: Ended(its["number"], its["epoch"], its["environment"], its["how"], its["fleet"])
            for tier, its in self._data.get("ended", {}).items()
        }

    def given(self, certname: str, tier: str) -> Given | None:
        """What a node of a tier is given: the narrowest answer counts. None if nothing is deployed."""
        rollout = self._data.get("rollouts", {}).get(tier)
        found = (
            ("node", self._data["nodes"].get(certname)),
            ("rollout", {**rollout, "branch": None} if rollout and certname in rollout["nodes"] else None),
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


def deploy(fleet: Fleet, repo: Path, wanted: str | None = None, *, tier: str | None = None, now: bool = False) -> str:
    """Deploy what is checked out, a branch, or a commit; return what the server says.

    What is checked out, or a commit, goes to all who follow the fleet's branch; a branch of another name to those who
    follow it. With a tier it goes to that tier alone.

    Args:
        now: whether it goes ahead where it steps on a rollout that is under way.

    Raises:
        FleetError: no such branch or commit; the remote has another one; git, r10k or a check failed; a rollout is
            under way. What nodes are given has not changed then.
    """
    scope = [*(["--tier", tier] if tier else []), *_now(now)]
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
    branch = f"commit_{commit[:10]}" if "--tier" in scope else fleet.branch
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


def back(fleet: Fleet, *, tier: str | None = None, now: bool = False) -> str:
    """Give the fleet, or a tier, what it was given before the last deploy; return what the server says.

    Raises:
        FleetError: there is no way back; or a rollout is under way, and `now` does not say to go ahead.
    """
    return _ask(fleet, "going back", ["--back", *(["--tier", tier] if tier else []), *_now(now)])


def end_tier(fleet: Fleet, tier: str, *, now: bool = False) -> str:
    """Have a tier be given what the fleet is given again; return what the server says."""
    return _ask(fleet, f"tier {tier}", ["--end", "--tier", tier, *_now(now)])


def seal(fleet: Fleet, branch: str, commit: str) -> str:
    """Have the server deploy a branch's commit and give it to nobody; return what the server says.

    Raises:
        FleetError: the branch has another commit; git, r10k or a check failed.
    """
    with _one_at_a_time():
        return _ask(fleet, f"commit {commit[:10]}", [branch, "--commit", commit, "--seal"])


def begin(fleet: Fleet, number: int, epoch: int, tier: str, commit: str) -> str:
    """Begin a rollout of a sealed commit in a tier: no node is given it by that; return what the server says.

    Args:
        number: the rollout's number.
        epoch: the number of its controller: the server refuses what comes from an earlier one.

    Raises:
        FleetError: another rollout is under way there, another controller has taken over, or this one has ended.
    """
    return _roll(fleet, (number, epoch, tier), "begins", commit, "--begin")


def give(  # noqa: PLR0917 - in the order of the others
    fleet: Fleet, number: int, epoch: int, tier: str, commit: str, certnames: Sequence[str]
) -> str:
    """Give a rollout's commit to these nodes of its tier, and to no others; return what the server says.

    Raises:
        FleetError: as with `begin`, or a node has no certificate.
    """
    nodes = _options("--node", certnames) or ["--no-nodes"]
    return _roll(fleet, (number, epoch, tier), f"given to {len(certnames)} nodes", commit, *nodes)


def finish(fleet: Fleet, number: int, epoch: int, tier: str, commit: str, *, whole: bool = False) -> str:
    """Make a rollout's commit the tier's answer; return what the server says.

    Args:
        whole: whether it becomes the fleet's as well: for the last tier.

    Raises:
        FleetError: as with `begin`; or another tier under way is given what the fleet is.
    """
    return _roll(fleet, (number, epoch, tier), "ends", commit, "--finish", *(["--fleet"] if whole else []))


def abort(fleet: Fleet, number: int, epoch: int, tier: str) -> str:
    """Have a tier be given what it was before a rollout; return what the server says.

    Also after the rollout's end in that tier, for as long as the fleet has not been given its commit.

    Raises:
        FleetError: as with `begin`.
    """
    return _roll(fleet, (number, epoch, tier), "is taken back", None, "--abort")


def require_no_rollout(fleet: Fleet, nodes: Sequence[Named], *, now: bool) -> None:
    """Refuse what somebody does by hand to nodes of a tier with a rollout under way; with `now`, say and note it.

    Where the server can't be asked, nodes run as ever: it is the server that says what they are given, or their
    last catalog.

    Raises:
        FleetError: a rollout is under way.
    """
    try:
        under_way = answers(fleet).rollouts
    except FleetError as error:
        steps.say(f"note: whether a rollout is under way is not known: {error}")
        return
    tiers = sorted({node.tier for node in nodes} & set(under_way))
    if not tiers:
        return
    told = ", ".join(under_way[tier].under_way(tier) for tier in tiers)
    if not now:
        raise FleetError(
            f"{told}: nothing was run. `fleet rollout status` tells more, `fleet rollout abort` ends it; --now goes"
            " ahead nevertheless"
        )
    steps.say(f"note: this steps on it: {told}")
    for tier in tiers:
        number = str(under_way[tier].number)
        names = [node.certname for node in nodes if node.tier == tier]
        ssh.run(fleet, fleet.server, NOTE, "--rollout", number, "--tier", tier, *_options("--node", names))


def try_on(fleet: Fleet, repo: Path, nodes: Sequence[Named], wanted: str, duration: str, *, now: bool = False) -> str:
    """Set a trial: for a while these nodes are given a branch as it was deployed last, or a commit that is kept.

    Args:
        duration: as deploy-environment takes it: 30m, 2h, 1d.

    Raises:
        FleetError: it was not deployed, or the server does not know a node.
    """
    kept = _as_the_server_has_it(fleet, repo, wanted)
    return _ask(fleet, f"trial of {wanted}", [kept, "--kept", "--for", duration, *_nodes(nodes), *_now(now)])


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
    return _options("--node", [node.certname for node in nodes])


def _options(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _now(now: bool) -> list[str]:
    # A server from before there were rollouts does not know the option.
    return ["--now"] if now else []


def _roll(fleet: Fleet, which: tuple[int, int, str], what: str, commit: str | None, *does: str) -> str:
    number, epoch, tier = which
    kept = [commit, "--kept"] if commit else []
    words = ["--rollout", str(number), "--epoch", str(epoch), "--tier", tier]
    return _ask(fleet, f"rollout {number} in {tier} {what}", [*kept, *words, *does])


def _ask(fleet: Fleet, what: str, arguments: Sequence[str]) -> str:
    """Run a deploy on the server; return what it printed."""
    with steps.step(what):
        output: list[str] = []
        try:
            ssh.run(fleet, fleet.server, PROGRAM, *arguments, on_line=output.append)
        except CommandFailedError as error:
            raise FleetError(error.output.strip() or str(error)) from None
    return "\n".join(output)
