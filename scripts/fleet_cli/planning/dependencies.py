"""Orders between resources that a change adds, or takes away."""

from dataclasses import dataclass

from fleet_cli.planning.catalog import Catalog


@dataclass(frozen=True)
class Dependency:
    """An order, between resources that both sides have, that is new or lost: `before`, or `notify` with an event."""

    action: str
    first: str
    relation: str
    then: str


def find(old: Catalog, new: Catalog) -> list[Dependency]:
    """Return the new and the lost orders between resources that both catalogs have."""
    before, after = _orders(old), _orders(new)
    both = old.resources.keys() & new.resources.keys()
    found = [("add", order) for order in after - before] + [("remove", order) for order in before - after]
    return sorted(
        (Dependency(action, *order) for action, order in found if order[0] in both and order[2] in both),
        key=lambda one: (one.first, one.then, one.relation, one.action),
    )


def _orders(catalog: Catalog) -> set[tuple[str, str, str]]:
    """Each order as (first, before or notify, then), however it was declared."""
    found = set()
    for resource in catalog:
        for name, others in resource.relationships.items():
            kind = "notify" if name in ("notify", "subscribe") else "before"
            for other in others:
                first, then = (
                    (resource.reference, other) if name in ("before", "notify") else (other, resource.reference)
                )
                found.add((first, kind, then))
    return found
