"""Values that a higher layer hides from every machine."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleet_cli.validation.documents import Node, Pair
from fleet_cli.validation.finding import Finding
from fleet_cli.validation.fleet_data import FleetData, Group
from fleet_cli.validation.merging import ALL_LEVELS, OPTIONS_KEY, Merges
from fleet_cli.validation.scalars import Scalar

Path = tuple[Scalar, ...]
"""A key of Hiera, and the keys below it that lead to a part of its value."""


@dataclass
class _Own:
    """The files of single machines that have a value: how many, the lowest layer among them, and one of them."""

    count: int = 0
    level: int = 0
    file: str = ""


def findings(data: FleetData, merges: Merges) -> Iterator[Finding]:
    """Find values that stand above every machine that would read them. Without a list of machines nothing is found."""
    above = {group: _Above(data, merges, group) for group in data.groups}
    for name, place in data.places.items():
        groups = [above[group] for group in data.groups_reading(name)] if place.sure else []
        if not groups or not all(group.has_above(name) for group in groups):
            continue
        for key, pair in data.documents[name].top.items():
            for path, part in _parts(key, pair, merges):
                if _is_joined(part.node, merges, key) or (part.node.value and _is_opened(part.node, path, merges)):
                    continue
                hiding = [group.hides(name, path) for group in groups]
                if all(hiding):
                    yield _finding(name, path, part, sorted(set(hiding)))


class _Above:
    """What machines of a group read of each value first."""

    def __init__(self, data: FleetData, merges: Merges, group: Group) -> None:
        self._data = data
        self._machines = len(data.groups[group])
        self._shared: dict[Path, str] = {}
        self._own: dict[Path, _Own] = {}
        shared = [name for name in data.shared[group] if data.places[name].sure]
        for name in shared:
            for path in self._paths(name, merges):
                self._shared.setdefault(path, name)
        self._keys = {str(path[0]) for path in self._shared}
        self._first = [data.rank(name) for name in shared[:1]]
        self._own_level: int | None = None
        for machine in data.groups[group]:
            self._note_own(machine.certname, merges)

    def has_above(self, name: str) -> bool:
        """Whether any file is above another one."""
        level, _ = rank = self._data.rank(name)
        return any(first < rank for first in self._first) or (self._own_level is not None and self._own_level < level)

    def _note_own(self, certname: str, merges: Merges) -> None:
        found: dict[Path, str] = {}
        for name in self._data.own.get(certname, ()):
            level = self._data.places[name].level
            self._own_level = level if self._own_level is None else min(level, self._own_level)
            for path in self._paths(name, merges, self._keys):
                if path in self._shared:
                    found[path] = name
        for path, name in found.items():
            own = self._own.setdefault(path, _Own(file=name))
            own.count += 1
            own.level = max(own.level, self._data.places[name].level)

    def _paths(self, name: str, merges: Merges, only: set[str] | None = None) -> Iterator[Path]:
        for key, pair in self._data.documents[name].top.items():
            if only is None or key in only:
                for path, _ in _parts(key, pair, merges):
                    yield path

    def hides(self, name: str, path: Path) -> str:
        """A file above another one that has a value as well; empty if not every machine reads one."""
        first = self._shared.get(path, name)
        if self._data.rank(first) < self._data.rank(name):
            return first
        own = self._own.get(path)
        level = self._data.places[name].level
        return own.file if own and own.count >= self._machines and own.level < level else ""


def _parts(key: str, pair: Pair, merges: Merges) -> Iterator[tuple[Path, Pair]]:
    """The parts of a value that a higher layer may hide: of a hash that is merged its elements as well."""
    if key != OPTIONS_KEY and merges.strategy(key) != "unique":
        yield from _below((key,), pair, merges.levels(key))


def _below(path: Path, pair: Pair, levels: int) -> Iterator[tuple[Path, Pair]]:
    yield path, pair
    if levels > 0 and isinstance(pair.node.value, dict):
        for key, inner in pair.node.value.items():
            yield from _below((*path, key), inner, levels - 1)


def _is_opened(node: Node, path: Path, merges: Merges) -> bool:
    """Whether a hash is merged, so that not it but its elements may be hidden."""
    return isinstance(node.value, dict) and merges.levels(str(path[0])) >= len(path)


def _is_joined(node: Node, merges: Merges, key: str) -> bool:
    """Whether a value is a list that is joined with those above."""
    return isinstance(node.value, list) and merges.levels(key) == ALL_LEVELS


def _finding(name: str, path: Path, where: Pair, above: list[str]) -> Finding:
    what = ": ".join(str(key) for key in path)
    message = f"'{what}' counts for no machine: each that reads it has it from {', '.join(above[:2])}" + (
        " and others" if len(above) > 2 else ""
    )
    return Finding(name, where.line, where.column, "shadowed-value", message, "drop it here", frozenset(above))
