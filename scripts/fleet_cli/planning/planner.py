"""From two states of the control repository to a plan."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.compiling import pool, program
from fleet_cli.machine import steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import environment, gittrees, inputs, modules, on_nodes, plan, store, unused
from fleet_cli.planning.catalogs import Catalogs, Compiler, Progress
from fleet_cli.planning.environment import Environment
from fleet_cli.planning.factsets import FactSets
from fleet_cli.planning.modules import Source
from fleet_cli.planning.plan import Plan
from fleet_cli.planning.store import Store
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository import inventory
from fleet_cli.repository.inventory import Machine

Counting = Callable[[str], Progress]
"""Given the name of a state, says where its progress goes."""


@dataclass(frozen=True)
class Choice:
    """Which nodes a plan is about; all, where nothing is said.

    Attributes:
        nodes: certnames, or the part of them before the first dot.
        roles, tiers: one of which a machine has to have.
    """

    nodes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()

    def __call__(self, machine: Machine) -> bool:
        """Whether a machine is meant."""
        return (
            (not self.nodes or bool({machine.certname, machine.certname.partition(".")[0]} & {*self.nodes}))
            and (not self.roles or machine.role in self.roles)
            and (not self.tiers or machine.tier in self.tiers)
        )

    @property
    def everything(self) -> bool:
        """Whether all nodes are meant."""
        return not (self.nodes or self.roles or self.tiers)

    def check(self, machines: set[Machine]) -> None:
        """Refuse a choice that no machine fits.

        Raises:
            FleetError: it says what there is.
        """
        for what, wanted, there in (
            ("node", self.nodes, {name for one in machines for name in (one.certname, one.certname.partition(".")[0])}),
            ("role", self.roles, {one.role for one in machines}),
            ("tier", self.tiers, {one.tier for one in machines}),
        ):
            for name in wanted:
                if name not in there:
                    known = sorted({one.certname for one in machines} if what == "node" else there)
                    raise FleetError(f"no machine has the {what} {name!r}; there are: {', '.join(known[:20])}")
        if not any(self(machine) for machine in machines):
            raise FleetError("no machine fits all of --nodes, --roles and --tier")


def say_progress(label: str) -> Progress:
    """Progress where there is no terminal: nothing, but for what takes long."""

    def progress(done: int, total: int) -> None:
        if total >= 50 and done and done % (total // 4) == 0:
            steps.say(f"{label}: {done} of {total} catalogs")

    return progress


@dataclass(frozen=True)
class Settings:
    """How to make a plan.

    Attributes:
        choice: the nodes.
        facts: what they say of themselves.
        source: where the Puppetfile's modules come from.
        machines: in the place of those that both states list.
        always: compile everything, even what can't be different.
        counting: where progress goes.
        catalogs: the file that keeps catalogs for later plans.
        puppet: what compiles them.
        hiera: the text of a hiera.yaml, for a state that has none.
        lenient: see program.started.
    """

    choice: Choice
    facts: FactSets
    source: Source = environment.MIRROR
    machines: Sequence[Machine] | None = None
    always: bool = False
    counting: Counting = say_progress
    catalogs: Path = store.FILE
    puppet: Puppet = sandboxed.PUPPET
    hiera: str | None = None
    lenient: bool = False


def make(repo: Path, base: str | None, head: str | None, settings: Settings) -> Plan:
    """Compare two states of a control repository.

    Args:
        repo: where it is checked out.
        base, head: branches, tags or commits; see `fleet plan --help` for what is taken without them.
        settings: how.

    Raises:
        FleetError: a state can't be laid out, or compiled at all. Errors in single catalogs are part of the plan.
    """
    with _environments(repo, base, head, settings) as (before, after):
        if not (before.machines or after.machines):
            raise FleetError(
                f"neither {before.label} nor {after.label} says which machines there are: write {inventory.FILE} with"
                f" `fleet nodes > {inventory.FILE}`, or by hand, a line `CERTNAME: {{role: ROLE, tier: TIER}}` for each"
                " (--nodes-yaml FILE names one elsewhere)"
            )
        settings.choice.check({*before.machines, *after.machines})
        with store.opened(settings.catalogs) as catalogs:
            first, second = _compiled(before, after, catalogs, settings)
            return Plan(
                before.label,
                after.label,
                len({*first.by_certname, *second.by_certname}),
                first.compiled + second.compiled,
                plan.grouped(plan.compare(first, second, catalogs, settings.facts)),
                unused.find(first, second) if settings.choice.everything else unused.Unused(),
                (*settings.source.notes, *_notes(first, second, settings.facts)),
            )


@contextmanager
def _environments(
    repo: Path, base: str | None, head: str | None, settings: Settings
) -> Iterator[tuple[Environment, Environment]]:
    source, machines, hiera = settings.source, settings.machines, settings.hiera
    if base is None:
        branch, commit = gittrees.merge_base(repo)
        first = environment.of_commit(repo, commit, source, f"{branch} ({commit[:10]})", machines=machines, hiera=hiera)
    else:
        first = environment.of_commit(repo, base, source, machines=machines, hiera=hiera)
    second = (
        environment.of_commit(repo, head, source, machines=machines, hiera=hiera)
        if head
        else environment.of_working_tree(repo, source, machines, hiera)
    )
    with first as before, second as after:
        yield before, after


def _compiled(before: Environment, after: Environment, catalogs: Store, settings: Settings) -> Iterator[Catalogs]:
    """The catalogs of both states.

    The same compilers make them unless the Ruby of modules differs, which a process can't unload.
    """
    binds = {environment.ENVIRONMENTS: program.ENVIRONMENTS, modules.FETCHED: modules.INSIDE}
    parts = [[before, after]] if inputs.plugins(before) == inputs.plugins(after) else [[before], [after]]
    clock = time.time()
    done: Catalogs | None = None
    for part in parts:
        with pool.opened(binds, placeholders=True, lenient=settings.lenient, puppet=settings.puppet) as compilers:
            compiling = Compiler(
                catalogs, compilers, settings.facts, clock=clock, always=settings.always, puppet=settings.puppet,
                lenient=settings.lenient,
            )  # fmt: skip
            for one in part:
                done = compiling.of(one, settings.choice, settings.counting(one.label), done)
                yield done


def _notes(base: Catalogs, head: Catalogs, facts: FactSets) -> Iterator[str]:
    yield from dict.fromkeys([*base.environment.notes, *head.environment.notes])
    yield from facts.notes([machine for machine in head.environment.machines if machine.certname in head.by_certname])
    yield from on_nodes.notes(base, head)
