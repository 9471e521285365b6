"""The plan: what a change of the control repository does, to which nodes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fleet_cli.planning import changes, dependencies, effects, moves, remarks
from fleet_cli.planning.catalog import Catalog
from fleet_cli.planning.catalogs import Catalogs, Compiled
from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.contents import Contents
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.factsets import FactSets
from fleet_cli.planning.moves import Move
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.store import Store
from fleet_cli.planning.unused import Unused


@dataclass(frozen=True)
class Failure:
    """A node without a catalog.

    Attributes:
        side: the state without one; `head`: it compiles no longer; `base`: it compiles only now; `both`: neither does.
        message: the error of the head, or of the base where the head compiles.
    """

    side: str
    message: str


@dataclass(frozen=True)
class Presence:
    """A machine that only one of the two states knows: `add` or `remove`, with the role and the tier it has there."""

    action: str
    role: str
    tier: str


Item = ResourceChange | Effect | Remark | Dependency | Failure | Presence
T = TypeVar("T", ResourceChange, Effect, Remark, Dependency, Failure, Presence)


@dataclass(frozen=True)
class Group:
    """What is the same on some nodes."""

    nodes: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Plan:
    """All of it.

    Attributes:
        base, head: what was compared.
        nodes: how many nodes were looked at.
        compiled: how many catalogs had to be compiled for it.
        groups: what changes, those with the most nodes first.
        unused: what nobody uses any more.
        notes: what a reader has to know to trust it.
    """

    base: str
    head: str
    nodes: int
    compiled: int
    groups: tuple[Group, ...]
    unused: Unused
    notes: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether anything changes on any node, or a catalog fails in one state."""
        return any(
            not (isinstance(item, Failure) and item.side == "both") for group in self.groups for item in group.items
        )

    @property
    def changed_nodes(self) -> list[str]:
        """The nodes on which something changes."""
        return sorted({node for group in self.groups for node in group.nodes})

    @property
    def moves(self) -> tuple[Move, ...]:
        """The services that go from some nodes to others."""
        return moves.find((group.nodes, item) for group in self.groups for item in group.items)

    def of_kind(self, kind: type[T]) -> Iterator[tuple[T, tuple[str, ...]]]:
        """Yield each item of a kind with its nodes."""
        for group in self.groups:
            for item in group.items:
                if isinstance(item, kind):
                    yield item, group.nodes


def compare(base: Catalogs, head: Catalogs, store: Store, facts: FactSets) -> dict[str, list[Item]]:
    """Return what changes on each node on which something does."""
    files = {*base.environment.files.items()} ^ {*head.environment.files.items()}
    sources = any("/files/" in path for path, _ in files)
    before = {machine.certname: machine for machine in base.environment.machines}
    after = {machine.certname: machine for machine in head.environment.machines}
    found: dict[str, list[Item]] = {}
    for certname in sorted({*base.by_certname, *head.by_certname}):
        was, now = base.by_certname.get(certname), head.by_certname.get(certname)
        items: list[Item] = []
        if was is None:
            machine = after[certname]
            items.append(Presence("add", machine.role, machine.tier))
            if now and now.error:
                items.append(Failure("head", now.error))
            elif now:
                items += remarks.find(None, Catalog(store.get(now.number)), facts.of(machine))
        elif now is None:
            machine = before[certname]
            items.append(Presence("remove", machine.role, machine.tier))
        elif was.error or now.error:
            side = "both" if was.error and now.error else "head" if now.error else "base"
            items.append(Failure(side, now.error or was.error))
        elif was.number != now.number or sources:
            items += _items((base, was), (head, now), store, facts.of(after[certname]))
        if items:
            found[certname] = items
    return found


def _items(
    before: tuple[Catalogs, Compiled], after: tuple[Catalogs, Compiled], store: Store, facts: Mapping[str, Any]
) -> list[Item]:
    (base, was), (head, now) = before, after
    old = Catalog(store.get(was.number))
    new = old if was.number == now.number else Catalog(store.get(now.number))
    return differences(old, new, Contents(old, base.environment), Contents(new, head.environment), facts)


def differences(
    old: Catalog, new: Catalog, old_contents: Contents, new_contents: Contents, facts: Mapping[str, Any] | None = None
) -> list[Item]:
    """Return what changes between two catalogs of a node; without its facts, nothing is said of its capacity."""
    found = changes.compare(old, new, old_contents, new_contents)
    what_follows = effects.find(found, old, new, old_contents, new_contents)
    return [*found, *what_follows, *remarks.find(old, new, facts), *dependencies.find(old, new)]


def grouped(by_node: dict[str, list[Item]]) -> tuple[Group, ...]:
    """Return what is the same on several nodes once; what concerns the same nodes stays together, in its order.

    The same lines added to or removed from files that differ elsewhere are the same.
    """
    everything = [item for items in by_node.values() for item in items]
    coming = {item.subject for item in everything if isinstance(item, Effect) and item.what == "first release"}
    nodes: dict[Item, list[str]] = {}
    seen: dict[Item, set[Item]] = {}
    for node, items in by_node.items():
        for item in items:
            if isinstance(item, Remark) and item.what == remarks.DATA and item.subject not in coming:
                continue  # a service that is removed leaves its data as ever
            alike = changes.without_context(item) if isinstance(item, ResourceChange) else item
            nodes.setdefault(alike, []).append(node)
            seen.setdefault(alike, set()).add(item)
    together: dict[tuple[str, ...], list[Item]] = {}
    for alike, where in nodes.items():
        # Where files differ elsewhere, so do the lines around what changes.
        (shown,) = seen[alike] if len(seen[alike]) == 1 else (alike,)
        together.setdefault(tuple(where), []).append(shown)
    groups = [Group(where, tuple(items)) for where, items in together.items()]
    return tuple(sorted(groups, key=lambda group: (-len(group.nodes), group.nodes)))
