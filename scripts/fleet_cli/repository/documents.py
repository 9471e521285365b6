"""YAML files of Hiera as trees that know the place of every value."""

from collections.abc import Iterator
from typing import NamedTuple

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.scalars import Scalar


class Node(NamedTuple):
    """A value. `raw` is how it was written, where it is not a text."""

    line: int
    column: int
    value: "Scalar | list[Node] | dict[Scalar, Pair]"
    raw: str = ""


class Pair(NamedTuple):
    """A key of a mapping: where it stands, and its value."""

    line: int
    column: int
    node: Node


class Document(NamedTuple):
    """A file of Hiera.

    Attributes:
        top: what it says, by key; nothing if it is broken.
        findings: what is wrong with it.
        broken: whether it could not be read or parsed at all; the one finding says why.
    """

    top: dict[str, Pair]
    findings: list[Finding]
    broken: bool = False


def mapping(node: Node | None) -> dict[str, Pair]:
    """The entries of a node that is a mapping, under keys that are texts; none of any other node."""
    if node is None or not isinstance(node.value, dict):
        return {}
    return {key: pair for key, pair in node.value.items() if isinstance(key, str)}


def items(node: Node | None) -> list[Node]:
    """The elements of a node that is a list; none of any other node."""
    return node.value if node is not None and isinstance(node.value, list) else []


def leaves(node: Node) -> Iterator[Node]:
    """Every scalar below a node, in the order of the file."""
    if isinstance(node.value, dict):
        for pair in node.value.values():
            yield from leaves(pair.node)
    elif isinstance(node.value, list):
        for item in node.value:
            yield from leaves(item)
    else:
        yield node
