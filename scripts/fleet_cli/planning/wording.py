"""The words of a plan, the same in every form it is shown in."""

from collections import Counter
from collections.abc import Iterable, Iterator

from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Failure, Plan, Presence
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.unused import Unused

ORDER = (Presence, Failure, Effect, Remark, ResourceChange, Dependency)
"""What comes first of what concerns the same nodes."""
SIGNS = {"add": "+", "remove": "-", "change": "~"}
NODES = 4
REASONS = 3


def headline(plan: Plan) -> str:
    """Say in a line what was compared and what came of it."""
    return f"{plan.base} → {plan.head}: {summary(plan)}"


def summary(plan: Plan) -> str:
    """Say in a line how much changes."""
    failing = {node for item, nodes in plan.of_kind(Failure) if item.side == "both" for node in nodes}
    changed = [node for node in plan.changed_nodes if node not in failing]
    without = f"; {_nodes(len(failing))} without a catalog, before as after" if failing else ""
    if not changed and len(failing) == plan.nodes and failing:
        return f"nothing is known: no catalog of {_nodes(plan.nodes)}, before as after"
    if not changed:
        return f"nothing changes on {_nodes(plan.nodes - len(failing))}{without}"
    parts = [f"{len(changed)} of {_nodes(plan.nodes)} change{'s' if len(changed) == 1 else ''}"]
    for what, number in sorted(Counter(item.what for item, _ in plan.of_kind(Effect)).items()):
        if what not in ("run",):
            parts.append(f"{number} {what}{'s' if number > 1 else ''}")
    lost = {node for item, nodes in plan.of_kind(Failure) if item.side == "head" for node in nodes}
    if lost:
        parts.append(f"{_nodes(len(lost))} without a catalog")
    return ", ".join(parts) + without


def _nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{number} nodes"


def names_of_nodes(nodes: tuple[str, ...]) -> str:
    """Name the nodes of a group, a few of them if there are many."""
    if len(nodes) == 1:
        return nodes[0]
    names = ", ".join(nodes[:NODES]) + (", …" if len(nodes) > NODES else "")
    return f"the same on {len(nodes)} nodes: {names}"


def sentence(item: Effect | Dependency) -> str:
    """Say what an effect or a dependency is."""
    if isinstance(item, Dependency):
        gone = "no longer " if item.action == "remove" else ""
        return f"{item.first} {gone}{'notifies' if item.relation == 'notify' else 'comes before'} {item.then}"
    versions = ""
    if item.old or item.new:
        versions = (
            f" {item.old} → {item.new}"
            if item.old and item.new and item.old != item.new
            else f" {item.new or item.old}"
        )
    return f"{item.subject}: {item.what}{versions}{_because(item.because)}"


def _because(reasons: tuple[str, ...]) -> str:
    if not reasons:
        return ""
    more = f" and {len(reasons) - REASONS} more" if len(reasons) > REASONS else ""
    return f", because of {', '.join(reasons[:REASONS])}{more}"


def one_presence(item: Presence) -> str:
    """Say that a machine is new or gone."""
    what = "a new machine" if item.action == "add" else "no machine of the fleet any more"
    return f"{what}, role {item.role}, tier {item.tier}"


def one_failure(item: Failure) -> str:
    """Say in which state there is no catalog, and why."""
    what = {
        "head": "no catalog any more",
        "base": "a catalog again; so far there was none",
        "both": "no catalog, before as after",
    }[item.side]
    return f"{what}: {item.message}"


def counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name comes up."""
    return dict(Counter(names))


def unused_lines(unused: Unused) -> Iterator[str]:
    """Name what nobody uses any more."""
    yield from (f"class {name}" for name in unused.classes)
    yield from unused.files
    yield from unused.keys
