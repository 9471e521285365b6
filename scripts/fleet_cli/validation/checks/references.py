"""Values that reach a typed parameter through another key: `%{alias('KEY')}`, `%{lookup('KEY')}`."""

from collections.abc import Iterator, Mapping

from fleet_cli.repository.documents import Document, Node, items
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.merging import Conversions
from fleet_cli.repository.scalars import Symbol
from fleet_cli.repository.services import Spot
from fleet_cli.validation import type_words
from fleet_cli.validation.checks import interpolation
from fleet_cli.validation.checks.data_types import UNKNOWN_TEXT, Checker
from fleet_cli.validation.puppet_code import PuppetCode


def findings(
    data: FleetData, own: Mapping[str, Document], code: PuppetCode, conversions: Conversions
) -> Iterator[Finding]:
    """Values of a key that do not fit the data type of the parameter whose value they are.

    Args:
        data, own: Hiera, and the data of modules.
        code: the parameters.
        conversions: keys whose values Hiera converts; those are not judged.
    """
    documents = {**{name: data.documents[name] for name in data.places}, **own}
    checker = Checker(code.aliases)
    told = set()
    for name, document in documents.items():
        for key, pair in document.top.items():
            if not isinstance(pair.node.value, str) or "%{" not in pair.node.value:
                continue  # nearly all of many thousands
            parameter = code.parameters.get(key)
            reference = interpolation.reference(pair.node)
            if parameter is None or reference is None or conversions.of(key) or conversions.of(reference.root):
                continue
            if not (reference.is_alias or type_words.admits_text(parameter.type, code.aliases)):
                continue  # a text will never do, whatever it is: that is told where it stands
            for place, node in _values(documents, reference.segments):
                value = node if reference.is_alias else _as_text(node)
                if value is None or (isinstance(value.value, str) and UNKNOWN_TEXT.search(value.value)):
                    continue
                for problem in checker.check(parameter.type, value, merged=1)[:1]:
                    message = f"{problem.message}, which '{key}' takes from here ({name}:{pair.line})"
                    finding = Finding(place, node.line, node.column, problem.code, message,
                                      related=frozenset({name}))  # fmt: skip
                    if finding not in told:
                        told.add(finding)
                        yield finding


def origin(documents: Mapping[str, Document], spot: Spot) -> Spot:
    """Where a value is written: at the key that it refers to, if one file alone has that; else where it stands."""
    reference = interpolation.reference(spot.node)
    if reference is None:
        return spot
    files = [name for name, each in documents.items() if reference.root in each.top]
    if len(files) != 1:
        return spot
    for name, node in _values({files[0]: documents[files[0]]}, reference.segments):
        return Spot(name, node.line, node.column, node)
    return spot


def _values(documents: Mapping[str, Document], segments: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
    """What files have under a key, and below it; nothing of a file that has it otherwise."""
    for name, document in documents.items():
        pair = document.top.get(segments[0])
        node = pair.node if pair else None
        for segment in segments[1:]:
            node = _below(node, segment) if node else None
        if node is not None and node.value is not None:
            yield name, node


def _below(node: Node, segment: str) -> Node | None:
    if isinstance(node.value, dict):
        pair = node.value.get(segment)
        return pair.node if pair else None
    numbered = dict(enumerate(items(node)))
    return numbered.get(int(segment)) if segment.isdigit() else None


def _as_text(node: Node) -> Node | None:
    """A value as it stands in a text; None of what Hiera puts into none."""
    if isinstance(node.value, (list, dict, Symbol)):
        return None
    return node._replace(value=node.raw or str(node.value), raw="")
