"""From a commit to a rollout: what it changes where, by the plan, and in which waves."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.fleet import deploying, remotes
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.planning import environment, factsources, planner
from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.modules import Source
from fleet_cli.planning.plan import Failure, Plan
from fleet_cli.planning.planner import Choice
from fleet_cli.planning.planner import Settings as PlanSettings
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository import clones
from fleet_cli.repository.clones import git
from fleet_cli.repository.inventory import Machine
from fleet_cli.rollout import one_way, settings, waves
from fleet_cli.rollout.git_store import account
from fleet_cli.rollout.orders import host
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import NodeChange, Rollout, ServiceChange
from fleet_cli.rollout.waves import Change

_RELEASES = ("new release", "first release", "removed")


@dataclass(frozen=True)
class Wanted:
    """What is to be rolled out.

    Attributes:
        commit: a commit of the clone as the remote has it.
        tier: where; None for all tiers.
        quick, one_way: see Rollout.
    """

    commit: str
    tier: str | None
    why: str
    quick: bool
    one_way: bool


def commit(fleet: Fleet, repo: Path, wanted: str | None) -> str:
    """Return the commit that is meant: what the remote's branch has, or one that was named; the clone has it then.

    Raises:
        FleetError: there is none; or it is neither at the end of the fleet's branch there nor kept by the server.
    """
    remote = remotes.of(fleet)
    if wanted is None and (there := remote.end_of(repo, fleet.branch)):
        _bring(fleet, repo, there)
        return there
    if wanted is not None:
        named = remote.commit(repo, wanted)
        if named in deploying.answers(fleet).commits:
            return named
    return remote.bring(repo, wanted, fleet.branch)


def seal(fleet: Fleet, commit: str) -> None:
    """Have the server have a commit, and give it to nobody yet.

    Raises:
        FleetError: r10k or a check of the commit failed.
    """
    if commit not in deploying.answers(fleet).commits:
        deploying.seal(fleet, fleet.branch, commit)


def rollout(
    fleet: Fleet,
    repo: Path,
    wanted: Wanted,
    known: Sequence[Node],
    state: Mapping[str, Settings],
    *,
    puppet: Puppet = sandboxed.PUPPET,
    source: Source | None = None,
) -> Rollout:
    """Plan a rollout; it is begun nowhere.

    Args:
        known: all nodes of the fleet.
        state: by tier, its settings.
        puppet, source: what compiles catalogs for the plan, and from where it has modules; see planner.Settings.

    Raises:
        FleetError: a catalog fails at the commit; or a plan can't be made.
    """
    answers = deploying.answers(fleet)
    tiers = [tier for tier in state if wanted.tier in (None, tier)]
    before = {tier: _commit_of(answers, tier) for tier in tiers}
    changes: list[Change] = []
    packages: set[one_way.Change] = set()
    for base in dict.fromkeys(before.values()):
        of_base = [tier for tier in tiers if before[tier] == base]
        machines = [Machine(node.certname, node.role, node.tier) for node in known if node.tier in of_base]
        if base == wanted.commit or not machines:
            continue
        facts = factsources.find(fleet, repo, None)
        using = PlanSettings(Choice(), facts, source or environment.MIRROR, machines, puppet=puppet)
        found = _plan(fleet, repo, base, wanted.commit, using)
        changes += _changes(found, known)
        packages |= _packages(found)
    behind = _one_way(repo, wanted, packages)
    return Rollout(
        number=_highest(answers), epoch=1, commit=wanted.commit, goal=dict.fromkeys(tiers, wanted.commit),
        before=before, whole=wanted.tier is None, why=wanted.why, by=account(), host=host(), began=int(time.time()),
        nodes={
            one.certname: NodeChange(
                one.name, one.role, one.tier,
                {name: ServiceChange(old, new) for name, (old, new) in one.services.items()}, [*one.touched],
            )
            for one in changes
        },
        waves=waves.plan(changes, tiers, state), quick=wanted.quick, one_way=behind,
    )  # fmt: skip


def settings_of(repo: Path, commit: str, tiers: Sequence[str]) -> dict[str, Settings]:
    """Return the settings of tiers at a commit, in the order in which the tiers change.

    Raises:
        FleetError: a value is wrong; it says where.
    """
    ordered = settings.order(tiers, settings.of(repo, commit, ""))
    return {tier: settings.of(repo, commit, tier) for tier in ordered}


def here(fleet: Fleet, repo: Path, one: Rollout) -> str:
    """Return the commit of a rollout, once this clone has it."""
    for commit in {one.commit, *one.goal.values()}:
        _bring(fleet, repo, commit)
    return one.commit


def require_given(fleet: Fleet, last: Rollout) -> None:
    """Refuse to take a rollout back where something else was deployed since: that would go with it.

    Raises:
        FleetError: a tier is given another commit than the rollout has left.
    """
    answers = deploying.answers(fleet)
    for tier, commit in last.goal.items():
        now = _commit_of(answers, tier)
        if not commit.startswith(now) and not now.startswith(commit):
            raise FleetError(
                f"{tier} is given commit {now[:10]} by now, not {commit[:10]} of rollout {last.number}: something was"
                " deployed since. `fleet deploy --back` goes back a deploy, `fleet rollout COMMIT` to a commit"
            )


def tiers_of(known: Sequence[Node]) -> list[str]:
    """Return the tiers that nodes are in."""
    return sorted({node.tier for node in known})


def _commit_of(answers: deploying.Answers, tier: str) -> str:
    given = answers.given("", tier)
    if given is None:
        raise FleetError("nothing is deployed yet: the first commit of a fleet comes by `fleet deploy`")
    return answers.commit_of(given.environment)


def _highest(answers: deploying.Answers) -> int:
    """The highest number of a rollout that the server knows: another one has a higher one, should the ref be lost."""
    return max([one.number for known in (answers.rollouts, answers.ended) for one in known.values()], default=0)


def _plan(fleet: Fleet, repo: Path, base: str, head: str, using: PlanSettings) -> Plan:
    """What changes from one commit to another, of which the clone may not know one yet."""
    for one in (base, head):
        _bring(fleet, repo, one)
    found = planner.make(repo, base, head, using)
    _refuse_failures(found)
    return found


def _packages(found: Plan) -> set[one_way.Change]:
    releases = [effect for effect, _ in found.of_kind(Effect) if effect.what in _RELEASES]
    return {one_way.Change(effect.package or effect.subject, effect.old, effect.new) for effect in releases}


def _changes(found: Plan, known: Sequence[Node]) -> list[Change]:
    services: dict[str, dict[str, tuple[str, str]]] = {}
    for effect, certnames in found.of_kind(Effect):
        if effect.what in _RELEASES:
            for certname in certnames:
                services.setdefault(certname, {})[effect.subject] = (effect.old, effect.new)
    touched: dict[str, list[str]] = {}
    for change, certnames in found.of_kind(ResourceChange):
        for certname in certnames:
            touched.setdefault(certname, []).append(change.reference)
    changed = {*found.changed_nodes}
    return [
        Change(
            node.certname,
            node.name,
            node.role,
            node.tier,
            services.get(node.certname, {}),
            tuple(sorted(touched.get(node.certname, ()))),
        )
        for node in known
        if node.certname in changed
    ]


def _bring(fleet: Fleet, repo: Path, commit: str) -> None:
    """Have the clone have a commit: a plan needs what the fleet has now.

    Most git servers give no commit by its name alone, but those of a branch.

    Raises:
        FleetError: the remote does not have it, either.
    """
    remote = remotes.of(fleet)
    if _is_in(repo, commit):
        return
    remote.fetch(repo, f"refs/heads/{fleet.branch}")
    if not _is_in(repo, commit) and not remote.fetch(repo, commit):
        more = clones.how_to_complete(repo)
        raise FleetError(
            f"commit {commit[:10]} is neither in this clone nor at {fleet.remote}: no plan can be made"
            + (f"; {more}" if more else "")
        )


def _is_in(repo: Path, commit: str) -> bool:
    try:
        git(repo, "cat-file", "-e", f"{commit}^{{commit}}")
    except CommandFailedError:
        return False
    return True


def _one_way(repo: Path, wanted: Wanted, packages: Iterable[one_way.Change]) -> bool:
    """Whether a new release says that nobody can go back behind it.

    Raises:
        FleetError: one does, and the caller has not said that this is known.
    """
    found = one_way.of(repo, wanted.commit, sorted(packages))
    if found and not wanted.one_way:
        told = "; ".join(f"{change.package} {', '.join(versions)}" for change, versions in found.items())
        raise FleetError(
            f"nobody can go back behind {told}: if such a release does badly, nothing is taken back by itself."
            " --one-way rolls it out nevertheless"
        )
    return bool(found)


def _refuse_failures(found: Plan) -> None:
    for failure, certnames in found.of_kind(Failure):
        if failure.side in ("head", "both"):
            raise FleetError(f"{', '.join(certnames[:5])}: no catalog at this commit: {failure.message}")
