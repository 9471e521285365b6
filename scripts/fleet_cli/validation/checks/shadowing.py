"""Values that a higher layer hides from every machine."""

from collections.abc import Iterator

from fleet_cli.repository.documents import Node, Pair
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fleet_data import FleetData, Group
from fleet_cli.repository.merging import ALL_LEVELS, OPTIONS_KEY, Merges
from fleet_cli.repository.scalars import Scalar

Path = tuple[Scalar, ...]
"""A key of Hiera, and the keys below it that lead to a part of its value."""


def findings(data: FleetData, merges: Merges) -> Iterator[Finding]:
    """Find values that stand above every machine that would read them. Without a list of machines nothing is found."""
    paths = _Paths(data, merges)
    above = {group: _Above(data, paths, group) for group in data.groups}
    highest = min((place.level for place in data.places.values()), default=0)
    for name, place in data.places.items():
        if place.level == highest and place.given("certname") is not None:
            continue  # there is nothing above: most files are such ones
        groups = [above[group] for group in data.groups_reading(name)] if place.certain else []
        if not groups or not all(group.has_above(name) for group in groups):
            continue
        for key, pair in data.documents[name].top.items():
            for path, part in _parts(key, pair, merges):
                if _is_joined(part.node, merges, key) or (part.node.value and _is_opened(part.node, path, merges)):
                    continue
                hiding = [group.hides(name, path) for group in groups]
                if all(hiding):
                    yield _finding(name, path, part, sorted(set(hiding)))


class _Paths:
    """The values that files have; those of one that many machines read are put together once."""

    def __init__(self, data: FleetData, merges: Merges) -> None:
        self._data = data
        self._merges = merges
        self._shared: dict[str, list[Path]] = {}

    def of(self, name: str) -> Iterator[Path]:
        """The values of a file."""
        for key, pair in self._data.documents[name].top.items():
            for path, _ in _parts(key, pair, self._merges):
                yield path

    def of_shared(self, name: str) -> list[Path]:
        """The values of a file that will be asked for again."""
        if name not in self._shared:
            self._shared[name] = list(self.of(name))
        return self._shared[name]


class _Above:
    """What machines of a group read of each value first."""

    def __init__(self, data: FleetData, paths: _Paths, group: Group) -> None:
        self._data = data
        self._shared: dict[Path, str] = {}
        shared = [name for name in data.shared[group] if data.places[name].certain]
        for name in shared:
            for path in paths.of_shared(name):
                self._shared.setdefault(path, name)
        self._first = [data.rank(name) for name in shared[:1]]
        own = [data.own.get(machine.certname, []) for machine in data.groups[group]]
        self._own_level = min((data.places[name].level for names in own for name in names), default=None)
        self._own = self._common(own, paths)

    def _common(self, own: list[list[str]], paths: _Paths) -> dict[Path, str]:
        """The values that each machine has in files of its own, with the lowest of these files."""
        common: dict[Path, str] | None = None
        for names in own:
            found = {path: name for name in names for path in paths.of(name)}
            if common is None:
                common = found
            else:
                common = {
                    path: max(file, found[path], key=self._data.rank) for path, file in common.items() if path in found
                }
            if not common:
                break
        return common or {}

    def has_above(self, name: str) -> bool:
        """Whether any file is above another one."""
        level, _ = rank = self._data.rank(name)
        return any(first < rank for first in self._first) or (self._own_level is not None and self._own_level < level)

    def hides(self, name: str, path: Path) -> str:
        """A file above another one that has a value as well; empty if not every machine reads one."""
        first = self._shared.get(path, name)
        if self._data.rank(first) < self._data.rank(name):
            return first
        own = self._own.get(path)
        return own if own and self._data.places[own].level < self._data.places[name].level else ""


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
