"""Which nodes change together: tier by tier, databases first, then a canary, batches, and balancers last."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleet_cli.fleet.nodes import BALANCER_ROLE, DATABASE_ROLE, SERVER_ROLE
from fleet_cli.rollout.settings import Settings, share

ALL, CANARY, BATCH = "", "canary", "batch"


@dataclass(frozen=True)
class Change:
    """What the plan says of one node.

    Attributes:
        certname: the node.
        name: what messages call it.
        role, tier: from its certificate.
        services: by service, the version of before and of after; empty where there is or was none.
        touched: the references of the resources that change.
    """

    certname: str
    name: str
    role: str
    tier: str
    services: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    touched: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wave:
    """Nodes of one tier that change together.

    Attributes:
        kind: `canary`, `batch`, or nothing.
        nodes: their certnames.
    """

    tier: str
    kind: str
    nodes: tuple[str, ...]


def plan(changes: Sequence[Change], tiers: Sequence[str], settings: Mapping[str, Settings]) -> list[Wave]:
    """Return the waves of a rollout.

    Args:
        changes: the nodes that change, and no others.
        tiers: in their order.
        settings: by tier.
    """
    return [wave for tier in tiers for wave in _of_tier([one for one in changes if one.tier == tier], settings[tier])]


def _of_tier(changes: Sequence[Change], settings: Settings) -> list[Wave]:
    """The waves of a tier: the Puppet server first, since it makes the catalogs of all others."""
    place = {SERVER_ROLE: 0, DATABASE_ROLE: 1, BALANCER_ROLE: 3}
    groups: list[list[Change]] = [[], [], [], []]
    for change in sorted(changes, key=lambda one: one.certname):
        groups[place.get(change.role, 2)].append(change)
    waves = []
    for number, group in enumerate(groups):
        if not group:
            continue
        canary = share(settings.canary, len(group)) if number in (2, 3) else 0
        # A single node is no canary of others.
        canary = canary if canary < len(group) else 0
        waves += _batches(group[:canary], CANARY, canary, group, settings)
        size = share(settings.batch, len(group))
        rest = group[canary:]
        waves += _batches(rest, ALL if not canary and len(rest) <= size else BATCH, size, group, settings)
    return waves


def _batches(
    changes: Sequence[Change], kind: str, size: int, group: Sequence[Change], settings: Settings
) -> list[Wave]:
    """Put nodes into waves of a size, in which no service has more nodes than may change at once."""
    of_service = Counter(name for change in group for name in change.services)
    most = {name: max(1, share(settings.max_parallel, count)) for name, count in of_service.items()}
    without = max(1, share(settings.max_parallel, len(group)))
    waves: list[list[Change]] = []
    for change in changes:
        for wave in waves:
            if len(wave) < max(1, size) and _fits(change, wave, most, without):
                wave.append(change)
                break
        else:
            waves.append([change])
    return [Wave(group[0].tier, kind, tuple(change.certname for change in wave)) for wave in waves]


def _fits(change: Change, wave: Sequence[Change], most: Mapping[str, int], without: int) -> bool:
    if not change.services:
        return sum(not one.services for one in wave) < without
    return all(sum(name in one.services for one in wave) < most[name] for name in change.services)


def allowed_missing(settings: Settings, nodes: int) -> int:
    """Return how many of the nodes of a tier that change may be missing, or sick, before the rollout stops for it.

    Of few nodes a percentage is rounded down: of two, none may.
    """
    said = settings.max_unreachable
    if isinstance(said, int):
        return said
    return math.floor(nodes * float(said.removesuffix("%")) / 100 + 1e-9)
