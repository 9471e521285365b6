"""Services that go from some nodes to others: what the catalogs say node by node, said once."""

from collections.abc import Iterable
from dataclasses import dataclass

from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.effects import RELEASE, Effect
from fleet_cli.planning.remarks import DATA, Remark


@dataclass(frozen=True)
class Move:
    """A service that leaves nodes and comes to others; it may leave data behind."""

    service: str
    leaves: tuple[str, ...]
    comes_to: tuple[str, ...]
    data_stays: tuple[str, ...] = ()

    def __str__(self) -> str:
        data = f"; its data stays on {', '.join(self.data_stays)}" if self.data_stays else ""
        return f"{self.service}: leaves {', '.join(self.leaves)}, comes to {', '.join(self.comes_to)}{data}"


def find(items: Iterable[tuple[tuple[str, ...], object]]) -> tuple[Move, ...]:
    """Return the moves among the items of a plan, given with their nodes, by service.

    A node that is known to have the service, by its facts, gets the order to remove it. The new catalog of another one
    just lacks the release.
    """
    leaves: dict[str, set[str]] = {}
    comes: dict[str, set[str]] = {}
    stays: dict[str, set[str]] = {}
    for nodes, item in items:
        if isinstance(item, Effect) and item.what == "first release":
            comes.setdefault(item.subject, set()).update(nodes)
        elif isinstance(item, Effect) and item.what == "removed":
            leaves.setdefault(item.subject, set()).update(nodes)
        elif isinstance(item, Remark) and item.what == DATA:
            stays.setdefault(item.subject, set()).update(nodes)
        elif isinstance(item, ResourceChange) and item.action == "remove" and item.reference.startswith(f"{RELEASE}["):
            leaves.setdefault(item.reference[len(RELEASE) + 1 : -1], set()).update(nodes)
    both = sorted(leaves.keys() & comes.keys())
    return tuple(Move(name, *(tuple(sorted(nodes.get(name, ()))) for nodes in (leaves, comes, stays))) for name in both)
