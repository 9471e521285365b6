"""hiera.yaml, of the environment or of a module: what Hiera refuses in it, ignores, or can never find."""

import re
from collections.abc import Callable, Iterator, Mapping

from fleet_cli.repository import layers
from fleet_cli.repository.documents import Document, Node, Pair, items, mapping
from fleet_cli.repository.finding import Finding, did_you_mean, nearest
from fleet_cli.validation import variables
from fleet_cli.validation.checks import interpolation

_PATHS = ("path", "paths", "glob", "globs", "uri", "uris", "mapped_paths")
_TOP = ("version", "defaults", "hierarchy", "default_hierarchy", "plan_hierarchy")
_ENTRY = ("name", "datadir", "options", *layers.FUNCTIONS, *_PATHS)
_DEFAULTS = ("datadir", "options", "data_hash", "lookup_key", "data_dig")
_LISTS = ("paths", "globs", "uris", "mapped_paths")
_MAPPED = 3
"""What mapped_paths holds: a variable with several values, a name for one of them, and a path with it."""
_BUILT_IN = ("yaml_data", "json_data", "hocon_data", "eyaml_lookup_key")
_NEAR = 0.8
_VARIABLE = re.compile(r"%\{\s*([^}]*?)\s*\}")

Exists = Callable[[str], bool]
"""Whether a directory, below where the hiera.yaml is, is there or comes from elsewhere."""


def is_current(document: Document) -> bool:
    """Whether a hiera.yaml is of the version that Puppet reads in environments and modules."""
    version = document.top.get("version")
    return version is not None and version.node.value == 5


def findings(name: str, document: Document, exists: Exists) -> Iterator[Finding]:
    """What is wrong with a hiera.yaml that could be read.

    Args:
        name: its path below the repository.
        document: what it says.
        exists: whether a datadir is there.
    """
    top = document.top
    if document.broken:
        return
    version = top.get("version")
    if not is_current(document):
        said = "names no version, which means 3" if version is None else f"is of version {version.node.value}"
        place = version.node if version else Node(1, 1, None)
        message = f"it {said}: below the server's own, Puppet reads version 5 alone"
        yield _at(name, place, message, "write it anew as version 5")
        return
    yield from _unknown(name, top, _TOP)
    if name == layers.NAME and "default_hierarchy" in top:
        pair = top["default_hierarchy"]
        message = "only a module has a 'default_hierarchy': Hiera refuses the whole file"
        yield Finding(name, pair.line, pair.column, "wrong-layer", message, "make its layers the last of 'hierarchy'")
    defaults = mapping(top["defaults"].node) if "defaults" in top else {}
    yield from _unknown(name, defaults, _DEFAULTS)
    yield from _values(name, defaults)
    for hierarchy in ("hierarchy", "default_hierarchy"):
        if hierarchy in top:
            yield from _hierarchy(name, items(top[hierarchy].node), defaults if "defaults" in top else None)
    for node, datadir in _datadirs(top, defaults):
        if not exists(datadir):
            yield _at(name, node, f"the datadir '{datadir}' is not there", "mend its name")


def _hierarchy(name: str, entries: list[Node], defaults: Mapping[str, Pair] | None) -> Iterator[Finding]:
    names: dict[object, int] = {}
    places: dict[tuple[str, ...], int] = {}
    for entry in entries:
        said = mapping(entry)
        yield from _unknown(name, said, _ENTRY)
        yield from _choices(name, entry, said, defaults)
        yield from _values(name, said)
        if "name" not in said:
            yield _at(name, entry, "a layer has no name, and Hiera refuses that", "give it a 'name'")
        elif (first := names.setdefault(said["name"].node.value, entry.line)) != entry.line:
            message = f"the name '{said['name'].node.value}' is that of the layer on line {first} already"
            yield _at(name, said["name"].node, message, "give each layer a name of its own")
        elif (key := _reads(said)) and (first := places.setdefault(key, entry.line)) != entry.line:
            yield _at(name, entry, f"the layer on line {first} reads the same", "drop one of them")
        for node in _texts(said):
            for found in _VARIABLE.finditer(str(node.value)):
                why, instead = variables.mistake(found[1]) if found[1] and "(" not in found[1] else ("", "")
                if not why and (near := variables.misspelt_fact(found[1])):
                    why, instead = "is no fact that Facter has or had", f"did you mean '{near}'?"
                if why:
                    message = f"'{found[0]}' {why}"
                    yield Finding(name, node.line, node.column, "unknown-interpolation", message, instead)
            for problem in interpolation.unclosed(node):
                yield Finding(name, *problem)


def _values(name: str, said: Mapping[str, Pair]) -> Iterator[Finding]:
    """What stands where Hiera takes another kind of value, or a function that it does not have."""
    for key, pair in said.items():
        if key in _LISTS and not items(pair.node):
            yield _at(name, pair.node, f"'{key}' is no list, and Hiera refuses that", "write it as a list: […]")
        elif key == "mapped_paths" and len(items(pair.node)) != _MAPPED:
            message = f"'{key}' has {len(items(pair.node))} parts, and Hiera wants {_MAPPED}"
            yield _at(name, pair.node, message, "[VARIABLE, NAME, PATH with %{NAME}]")
        elif key in ("path", "glob", "uri", "datadir", "name") and not isinstance(pair.node.value, str):
            yield _at(name, pair.node, f"'{key}' is no text, and Hiera refuses that", "write one text")
        elif key in layers.FUNCTIONS:
            function = str(pair.node.value)
            near = nearest(function, _BUILT_IN, _NEAR)
            if near and near != function:
                yield _at(name, pair.node, f"no function '{function}' is known", f"did you mean '{near}'?")


def _choices(
    name: str, entry: Node, said: Mapping[str, Pair], defaults: Mapping[str, Pair] | None
) -> Iterator[Finding]:
    """That a layer has one backend, and one way to say where its data is."""
    for keys in (layers.FUNCTIONS, _PATHS):
        both = [key for key in keys if key in said]
        if len(both) > 1:
            message = f"a layer has '{both[0]}' and '{both[1]}', and Hiera takes one of them"
            yield _at(name, said[both[1]].node, message, "drop one of them")
    if defaults is not None and not any(key in each for key in layers.FUNCTIONS for each in (said, defaults)):
        message = "neither this layer nor 'defaults' says what reads it, and Hiera refuses that"
        yield _at(name, entry, message, "add data_hash: yaml_data")


def _reads(said: Mapping[str, Pair]) -> tuple[str, ...]:
    """What a layer reads, where it is said with a path alone."""
    if set(said) - {"name", "path"}:
        return ()
    return tuple(str(pair.node.value) for key, pair in said.items() if key == "path")


def _texts(said: Mapping[str, Pair]) -> Iterator[Node]:
    for key in ("datadir", *_PATHS):
        if key in said:
            node = said[key].node
            yield from items(node)[: 1 if key == "mapped_paths" else None] if items(node) else [node]


def _datadirs(top: Mapping[str, Pair], defaults: Mapping[str, Pair]) -> Iterator[tuple[Node, str]]:
    """The datadirs that are used, each once, below where the hiera.yaml is."""
    seen = set()
    for entry in items(top["hierarchy"].node) if "hierarchy" in top else []:
        said = mapping(entry)
        if not {"path", "paths", "glob", "globs", "mapped_paths"} & said.keys():
            continue
        pair = said.get("datadir") or defaults.get("datadir")
        node = pair.node if pair else entry
        fixed = layers.fixed_part(layers.directory(str(pair.node.value)) if pair else layers.DEFAULT_DATADIR)
        if fixed and fixed not in seen:
            seen.add(fixed)
            yield node, fixed


def _unknown(name: str, said: Mapping[str, Pair], known: tuple[str, ...]) -> Iterator[Finding]:
    for key, pair in said.items():
        if key not in known:
            suggestion = did_you_mean(key, known) or "known: " + ", ".join(known)
            message = f"'{key}' is no key here, and Hiera refuses the whole file"
            yield Finding(name, pair.line, pair.column, "wrong-layer", message, suggestion)


def _at(name: str, node: Node, message: str, suggestion: str) -> Finding:
    return Finding(name, node.line, node.column, "wrong-layer", message, suggestion)
