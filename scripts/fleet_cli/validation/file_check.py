"""What is wrong with one file of Hiera, as far as it alone and the Puppet code can tell."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fleet_cli.repository import services
from fleet_cli.repository.documents import Document, Node, leaves, mapping
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.merging import OPTIONS_KEY, STRATEGIES, Merges, strategy_of
from fleet_cli.repository.scalars import Scalar
from fleet_cli.validation import eyaml, interpolation, system_names
from fleet_cli.validation.data_types import Checker, Problem
from fleet_cli.validation.puppet_code import PuppetCode

SERVICE_NAME = "Flask_microservice::Name"
"""A value of this type names a service."""
_INTERPOLATED = (services.SERVICES, services.VERSIONS, services.DATABASE)
"""Keys in which only what Hiera knows everywhere may be interpolated; profiles may have variables of their own."""
_LOOKUP = re.compile(r"%\{\s*(?:lookup|hiera|alias)\(\s*(['\"])(?P<key>[^'\"]+)\1\s*\)\s*\}")


class Name(NamedTuple):
    """The name of a service, or of its package, and the keys that lead to it."""

    line: int
    column: int
    name: str
    path: tuple[Scalar, ...]


class Lookup(NamedTuple):
    """A key that a value interpolates."""

    line: int
    column: int
    key: str


@dataclass(frozen=True)
class Checked:
    """What a check of one file came to.

    Attributes:
        findings: what is wrong.
        names: the services that it names.
        lookups: the keys that its values interpolate.
    """

    findings: list[Finding] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


def check(name: str, document: Document, code: PuppetCode, merges: Merges) -> Checked:
    """Check a file of which `name` is the path below the repository."""
    result = Checked(list(document.findings))
    for key, pair in document.top.items():
        problems: list[Problem] = []
        if key == OPTIONS_KEY:
            problems += _options_problems(pair.node)
        elif parameter := code.parameters.get(key):

            def note(alias: str, node: Node, path: tuple[Scalar, ...], key: str = key) -> None:
                if alias == SERVICE_NAME and isinstance(node.value, str):
                    result.names.append(Name(node.line, node.column, node.value, (key, *path)))

            problems += Checker(code.aliases, note).check(parameter.type, pair.node, merges.levels(key))
            if key == services.SERVICES:
                problems += system_names.problems(pair.node, code.aliases)
            if parameter.type["kind"] == "Sensitive":
                problems += eyaml.plain_values(pair.node)
        for leaf in leaves(pair.node):
            if isinstance(leaf.value, str):
                problems += eyaml.damage(leaf)
                if "%{" in leaf.value:
                    result.lookups.extend(_lookups(leaf))
                    if key in _INTERPOLATED:
                        problems += interpolation.problems(leaf)
        result.findings.extend(Finding(name, *problem) for problem in problems)
    return result


def _lookups(leaf: Node) -> Iterator[Lookup]:
    for found in _LOOKUP.finditer(str(leaf.value)):
        # What comes after a dot is inside of the key's value.
        yield Lookup(leaf.line, leaf.column, found["key"].partition(".")[0])


def _options_problems(options: Node) -> Iterator[Problem]:
    for pair in mapping(options).values():
        entries = mapping(pair.node)
        for name, entry in entries.items():
            if name not in ("merge", "convert_to"):
                suggestion = did_you_mean(name, ("merge", "convert_to"))
                yield Problem(entry.line, entry.column, "unknown-key", f"'{name}' is no lookup option", suggestion)
        strategy = strategy_of(pair.node)
        if strategy is not None and strategy not in STRATEGIES:
            node = entries["merge"].node
            message = f"'{strategy}' is no way to merge: " + ", ".join(STRATEGIES)
            yield Problem(node.line, node.column, "wrong-type", message, did_you_mean(strategy, STRATEGIES))
