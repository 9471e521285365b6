"""Values that a higher layer hides from every machine."""

from collections.abc import Iterator, Sequence

from fleet_cli.validation.documents import Node, Pair
from fleet_cli.validation.finding import Finding
from fleet_cli.validation.fleet_data import FleetData, Group
from fleet_cli.validation.layers import Machine
from fleet_cli.validation.merging import ALL_LEVELS, OPTIONS_KEY, Merges
from fleet_cli.validation.scalars import Scalar

Keys = tuple[Scalar, ...]


def findings(data: FleetData, merges: Merges) -> Iterator[Finding]:
    """Find values that stand above every machine that would read them. Without a list of machines nothing is found."""
    own_files = {
        (group, key): files for group, machines in data.groups.items() for key, files in _own(data, machines).items()
    }
    for name, place in data.places.items():
        if not place.sure:
            continue
        groups = list(data.groups_reading(name))
        if not groups:
            continue
        for key, pair in data.documents[name].top.items():
            if key == OPTIONS_KEY or merges.strategy(key) == "unique":
                continue
            levels = merges.levels(key)
            hiding = [_hiding(data, name, key, group, own_files) for group in groups]
            if not all(files for files in hiding):
                continue
            for keys, where in _places(pair, levels):
                part = _part(pair.node, keys)
                if levels == ALL_LEVELS and part is not None and isinstance(part.value, list):
                    continue  # a deep merge joins lists
                above = [_first(data, files, (key, *keys)) for files in hiding]
                if all(above):
                    yield _finding(name, (key, *keys), where, sorted({str(each) for each in above}))


def _own(data: FleetData, machines: Sequence[Machine]) -> dict[str, list[str]]:
    """For each key that all machines of a group have in a file of their own, those files."""
    counts: dict[str, list[str]] = {}
    for machine in machines:
        for name in data.own.get(machine.certname, ()):
            for key in data.documents[name].top:
                counts.setdefault(key, []).append(name)
    return {key: files for key, files in counts.items() if len(set(files)) >= len(machines)}


def _hiding(
    data: FleetData, name: str, key: str, group: Group, own: dict[tuple[Group, str], list[str]]
) -> list[list[str]]:
    """Sets of files above this one of which each, for the machines of a group, has the key."""
    place = data.places[name]
    result = [
        [above] for above in data.shared[group]
        if (data.places[above].level, above) < (place.level, name) and key in data.documents[above].top
    ]  # fmt: skip
    files = own.get((group, key)) if place.given("certname") is None else None
    if files and all(data.places[above].level < place.level for above in files):
        result.append(files)
    return result


def _places(pair: Pair, levels: int) -> Iterator[tuple[Keys, Pair]]:
    """The parts of a value that a higher layer may hide: of a hash that is merged its elements, of others the whole."""
    if levels <= 0 or not isinstance(pair.node.value, dict):
        yield (), pair
        return
    for key, below in pair.node.value.items():
        for keys, where in _places(below, levels - 1):
            yield (key, *keys), where


def _first(data: FleetData, sets: list[list[str]], keys: tuple[Scalar, ...]) -> str:
    """The first file of a set of which every one has a value; empty if there is no such set."""
    return next((files[0] for files in sets if all(_has(data, file, keys) for file in files)), "")


def _has(data: FleetData, file: str, keys: tuple[Scalar, ...]) -> bool:
    return _part(data.documents[file].top[str(keys[0])].node, keys[1:]) is not None


def _part(node: Node, keys: Keys) -> Node | None:
    for key in keys:
        if not isinstance(node.value, dict) or key not in node.value:
            return None
        node = node.value[key].node
    return node


def _finding(name: str, keys: Keys, where: Pair, above: list[str]) -> Finding:
    what = ": ".join(str(key) for key in keys)
    message = f"'{what}' counts for no machine: each that reads it has it from {', '.join(above[:2])}" + (
        " and others" if len(above) > 2 else ""
    )
    return Finding(name, where.line, where.column, "shadowed-value", message, "drop it here", frozenset(above))
