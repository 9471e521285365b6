"""Texts of Hiera with `%{...}` in them: what Hiera knows, what it does not, and what arrives as it is written."""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from fleet_cli.repository.documents import Node
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.validation import variables
from fleet_cli.validation.checked import Checked, Lookup
from fleet_cli.validation.problem import Problem

_EXPRESSION = re.compile(r"(?P<before>%?)%\{(?P<inside>[^}]*)\}")
_CALL = re.compile(r"(?P<function>\w+)\((?P<argument>\"[^\"]+\"|'[^']+')\)")
_FUNCTIONS = ("alias", "hiera", "literal", "lookup", "scope")
_EMPTY = ("", "::", '""', "''", '"::"', "'::'")
_WORD = re.compile(r"[a-z]\w*(?:\.\w+)*")
_REFERENCE = re.compile(
    r"%\{\s*(?:(?:lookup|hiera|alias)\((?:\"[^\"]+\"|'[^']+')\)|(?:::)?(?:facts|trusted|server_facts)\.[^{}]+)\s*\}"
)
_LOOKUP = re.compile(r"%\{\s*(?P<function>lookup|hiera|alias)\(\s*(['\"])(?P<key>[^'\"]+)\2\s*\)\s*\}")
_OPEN_CALL = re.compile(r"\w+\(")

_VARIABLES = frozenset(
    ("facts", "trusted", "server_facts", "environment", "module_name", "clientcert", "clientversion", "clientnoop",
     "agent_specified_environment", "servername", "serverip", "serverip6", "serverversion",
     "augeas", "cloud", "disks", "dmi", "ec2_metadata", "ec2_userdata", "facterversion", "filesystems", "fips_enabled",
     "gce", "hypervisors", "identity", "is_virtual", "kernel", "kernelmajversion", "kernelrelease", "kernelversion",
     "load_averages", "memory", "mountpoints", "networking", "os", "partitions", "path", "processors", "ruby", "ssh",
     "system_uptime", "timezone", "virtual")
)  # fmt: skip
"""What every node has by this name: what the server sets, and Facter's own facts (Puppet 8 has no legacy ones)."""


def is_reference(text: str) -> bool:
    """Whether a text is nothing but a reference: among secrets, flask_microservice::eyaml_lookup_key takes no other."""
    return _REFERENCE.fullmatch(text) is not None


def problems(node: Node) -> Iterator[Problem]:
    """What Hiera can't interpolate in a text, or takes out of it without a word."""
    text = str(node.value)
    for found in _EXPRESSION.finditer(text):
        inside = found["inside"].strip()
        if inside in _EMPTY:
            # `%%{}{x}` is an old way to write a literal %{x}.
            reason = "" if found["before"] and text[found.end() : found.end() + 1] == "{" else "is nothing to Hiera"
        else:
            reason = _unknown(inside, alone=text == found[0])
        if reason:
            written = f"%{{{found['inside']}}}"
            message = f"'{written}' {reason}"
            literal = f"write %{{literal('%')}}{{{found['inside']}}} if the text itself is meant"
            fact = f", %{{facts.{inside}}} if a fact is" if _WORD.fullmatch(inside) else ""
            yield Problem(node.line, node.column, "unknown-interpolation", message, literal + fact)


def _unknown(inside: str, *, alone: bool) -> str:
    """Why Hiera can't interpolate an expression; empty if it can, or if only a node's run will tell."""
    call = _CALL.fullmatch(inside)
    if call and call["function"] not in _FUNCTIONS:
        return f"calls '{call['function']}', which Hiera does not know: it has " + ", ".join(_FUNCTIONS)
    if call and call["function"] == "scope":
        inside = call["argument"][1:-1]
    elif call:
        return "has to be the whole value" if call["function"] == "alias" and not alone else ""
    quoted = inside[:1] in ("'", '"')
    name = inside[1:].split(inside[0], 1)[0] if quoted else inside.removeprefix("::").partition(".")[0]
    # A variable of a class, CLASS::NAME, is there or not by what the machine's role includes.
    return "" if name in _VARIABLES or "::" in name else "is no variable, fact or function that Hiera knows"


def mistakes(node: Node) -> Iterator[Problem]:
    """What Hiera refuses or drops in a text; a variable may come from a class or the main manifest."""
    text = str(node.value)
    for found in _EXPRESSION.finditer(text):
        inside = found["inside"].strip()
        if inside in _EMPTY:
            continue
        call = _CALL.fullmatch(inside)
        if call:
            why = "" if call["function"] == "scope" else _unknown(inside, alone=text == found[0])
            instead = did_you_mean(call["function"], _FUNCTIONS) if why and call["function"] not in _FUNCTIONS else ""
        elif _OPEN_CALL.match(inside):
            why, instead = "is no call that Hiera knows: its argument stands in quotes", ""
        else:
            why, instead = variables.mistake(inside)
        if why:
            literal = f"write %{{literal('%')}}{{{found['inside']}}} if the text itself is meant"
            yield Problem(
                node.line, node.column, "unknown-interpolation", f"'%{{{found['inside']}}}' {why}", instead or literal
            )
    yield from unclosed(node)


def unclosed(node: Node) -> Iterator[Problem]:
    """A `%{` to which no brace belongs: it arrives as it is written."""
    rest = _EXPRESSION.sub("", str(node.value))
    if "%{" in rest:
        message = f"'{rest[rest.index('%{') :][:40]}' is not closed, so Hiera does not interpolate it"
        yield Problem(node.line, node.column, "unknown-interpolation", message, "add the closing brace")


class Reference(NamedTuple):
    """That a value is all that another key has: its keys, and whether as it is or as a text."""

    segments: tuple[str, ...]
    is_alias: bool

    @property
    def root(self) -> str:
        """The key of Hiera."""
        return self.segments[0]


def reference(node: Node) -> Reference | None:
    """What a value refers to, if it is a reference as a whole."""
    found = _LOOKUP.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    return Reference(tuple(found["key"].split(".")), found["function"] == "alias") if found else None


def lookups(leaf: Node) -> Iterator[Lookup]:
    """The keys that a text interpolates by name."""
    for found in _LOOKUP.finditer(str(leaf.value)):
        # What comes after a dot is inside of the key's value.
        yield Lookup(leaf.line, leaf.column, found["key"].partition(".")[0])


@dataclass(frozen=True)
class Unknown:
    """A key that a value interpolates, and that neither a file of Hiera nor the data of a module has.

    Attributes:
        file: where the value is.
        lookup: the key, and its place.
        said: the keys that there are.
    """

    file: str
    lookup: Lookup
    said: Set[str]

    def finding(self) -> Finding:
        """The finding, with what was meant: of many thousand keys that takes a while."""
        line, column, key = self.lookup
        message = f"it interpolates '{key}', which no file of Hiera has"
        return Finding(self.file, line, column, "unknown-lookup", message, did_you_mean(key, self.said))


def unknown(
    data: FleetData, checked: Mapping[str, Checked], module_keys: set[str], missing: Set[str] = frozenset()
) -> Iterator[Unknown]:
    """Find values that interpolate a key that nothing has.

    Args:
        data: Hiera.
        checked: its files, by path.
        module_keys: the keys in the data of modules.
        missing: the names of modules of which nothing is known, and whose data may have a key.
    """
    said = {key for document in data.documents.values() for key in document.top} | module_keys
    for name, each in checked.items():
        for lookup in each.lookups:
            if lookup.key not in said and lookup.key.partition("::")[0] not in missing:
                yield Unknown(name, lookup, said)
