"""How a tier is rolled out: the keys of the class profile::rollout, as Hiera has them at a commit.

They are read from the files, without Puppet: whoever rolls out has no key to decrypt values with.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import fleet_data
from fleet_cli.repository.documents import Node
from fleet_cli.repository.machine_data import MachineData
from fleet_cli.repository.services import Spot
from fleet_cli.repository.trees import Commit

PREFIX = "profile::rollout::"
TIERS = f"{PREFIX}tiers"
UNREADABLE = re.compile(r"ENC\[|%\{")
"""Marks of a text that is something else once Hiera has looked it up."""

Share = int | str
"""A number of nodes, or a percentage such as `25%`."""

_PERCENTAGE = re.compile(r"(0|[1-9][0-9]?|100)%")
_OF_PRODUCTION = re.compile(r"prod|live", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """How a tier is rolled out. docs/rollout.md says what each does.

    Attributes:
        tiers: the order of the tiers.
        canary, batch, max_parallel, max_unreachable: see `share`.
        watch, deadline, pause_deadline, check_seconds: in seconds; a `pause_deadline` of 0 is none.
        no_traffic: `pause` or `verify_only`.
        least_requests: in the time of `watch`, to the changed nodes of a service.
        error_ratio: from 0 to 1.
        latency_ratio: from 1.
        webhook: an HTTPS URL, perhaps with `{token}` in it; empty for none.
    """

    tiers: tuple[str, ...] = ()
    canary: Share = 1
    batch: Share = "25%"
    max_parallel: Share = "25%"
    max_unreachable: Share = "10%"
    watch: int = 60
    deadline: int = 900
    pause_deadline: int = 0
    no_traffic: str = "pause"
    least_requests: int = 100
    error_ratio: float = 0.01
    latency_ratio: float = 2.0
    webhook: str = ""
    check_seconds: int = 60


def of(repo: Path, commit: str, tier: str) -> Settings:
    """Return the settings of a tier at a commit of a clone.

    Raises:
        FleetError: a value is not what profile::rollout takes, or a file can't be read; it says where.
    """
    data = _tier_data(repo, commit, tier)
    _refuse_broken(data)
    found = {name: _value(name, spot) for name in _READERS if (spot := data.highest(PREFIX + name)) is not None}
    return Settings(**found)


def order(tiers: Iterable[str], settings: Settings) -> list[str]:
    """Return tiers in the order in which they change.

    First those that the settings name; then the others by name, such as are called `production` or `live` last.
    """
    named = {tier: number for number, tier in enumerate(settings.tiers)}

    def rank(tier: str) -> tuple[int, bool, str]:
        return named.get(tier, len(named)), tier not in named and bool(_OF_PRODUCTION.match(tier)), tier

    return sorted(set(tiers), key=rank)


def share(said: Share, total: int) -> int:
    """Return how many of `total` nodes are meant, never more than there are.

    A percentage is rounded up, so that of a few nodes it is one at least; `0` and `0%` alone are none.

    Raises:
        ValueError: it is neither a number from 0 nor a percentage from 0% to 100%.
    """
    if isinstance(said, int):
        if said < 0:
            raise ValueError(said)
        return min(said, total)
    if not _PERCENTAGE.fullmatch(said):
        raise ValueError(said)
    return -(-int(said[:-1]) * total // 100)


@lru_cache(maxsize=8)
def _tier_data(repo: Path, commit: str, tier: str) -> MachineData:
    tree = Commit(repo, commit)
    layers = fleet_data.layers_of(tree)
    if not layers.locations and layers.findings:
        raise FleetError(str(layers.findings[0]))
    return fleet_data.lookup(tree).of_group("", tier)


def _refuse_broken(data: MachineData) -> None:
    for reading in data.own:
        if reading.document.broken:
            finding = reading.document.findings[0]
            raise FleetError(f"{finding.file}:{finding.line}: {finding.message}")


def _value(name: str, spot: Spot) -> Any:
    node, key = spot.node, PREFIX + name
    if isinstance(node.value, str) and UNREADABLE.search(node.value):
        raise FleetError(f"{spot.file}:{node.line}: {key} is read as it stands: it can't be encrypted or interpolated")
    try:
        return _READERS[name](node)
    except ValueError as error:
        raise FleetError(f"{spot.file}:{node.line}: {key}: expected {error}, got {_shown(node)}") from None


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a hash"
    if isinstance(node.value, list):
        return "a list"
    return node.raw or repr(node.value)


Reader = Callable[[Node], Any]
"""Makes a setting of a value; its ValueError says what was expected."""


def _whole(least: int, most: int | None = None) -> Reader:
    words = f"a whole number from {least}" + (f" to {most}" if most else "")

    def read(node: Node) -> int:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most and value > most):
            raise ValueError(words)
        return value

    return read


def _number(least: float, most: float = math.inf) -> Reader:
    words = f"a number from {least:g}" + (f" to {most:g}" if most < math.inf else "")

    def read(node: Node) -> float:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(words)
        return float(value)

    return read


def _nodes(least: int) -> Reader:
    words = f"a number from {least}, or a share from '{least}%' to '100%'"

    def read(node: Node) -> Share:
        value = node.value
        if isinstance(value, str) and _PERCENTAGE.fullmatch(value) and int(value[:-1]) >= least:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise ValueError(words)

    return read


def _tiers(node: Node) -> tuple[str, ...]:
    items = node.value if isinstance(node.value, list) else None
    if items is None or not all(isinstance(item.value, str) and item.value for item in items):
        raise ValueError("a list of names of tiers")
    return tuple(str(item.value) for item in items)


def _no_traffic(node: Node) -> str:
    if node.value not in ("pause", "verify_only"):
        raise ValueError("'pause' or 'verify_only'")
    return str(node.value)


def _webhook(node: Node) -> str:
    if node.value is None:
        return ""
    if not isinstance(node.value, str) or not node.value.lower().startswith("https://"):
        raise ValueError("an HTTPS URL")
    return node.value


_DAY = 86400
_READERS: Mapping[str, Reader] = {
    "tiers": _tiers,
    "canary": _nodes(0),
    "batch": _nodes(1),
    "max_parallel": _nodes(1),
    "max_unreachable": _nodes(0),
    "watch": _whole(0, _DAY),
    "deadline": _whole(1, _DAY),
    "pause_deadline": _whole(0),
    "no_traffic": _no_traffic,
    "least_requests": _whole(1),
    "error_ratio": _number(0, 1),
    "latency_ratio": _number(1),
    "webhook": _webhook,
    "check_seconds": _whole(1, 3600),
}
