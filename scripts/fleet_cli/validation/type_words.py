"""Puppet's data types, as puppet_code.rb writes them down, and how they and values are named in messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from fleet_cli.repository.documents import Node
from fleet_cli.repository.scalars import Symbol

Type = Mapping[str, Any]
"""A tree: `kind` is Puppet's name of the type; further members by kind."""
Aliases = Mapping[str, Type]

_SHOWN = 60
_NO_TEXT = {"Integer", "Float", "Numeric", "Boolean", "Undef", "Array", "Tuple", "Hash", "Struct", "Collection"}


def admits_text(kind: Type, aliases: Aliases) -> bool:
    """Whether a text of which only Hiera knows the content may be of a type."""
    match kind["kind"]:
        case "Alias":
            target = aliases.get(kind["name"])
            return target is None or admits_text(target, aliases)
        case "Optional" | "NotUndef" | "Sensitive":
            return admits_text(kind["of"], aliases)
        case "Variant":
            return any(admits_text(each, aliases) for each in kind["of"])
    return kind["kind"] not in _NO_TEXT


def options(kind: Type, aliases: Aliases) -> Iterator[Type]:
    """The types of which a value may be any: what aliases and variants of them stand for."""
    match kind["kind"]:
        case "Alias":
            if target := aliases.get(kind["name"]):
                yield from options(target, aliases)
        case "Optional" | "NotUndef" | "Sensitive":
            yield from options(kind["of"], aliases)
        case "Variant":
            for each in kind["of"]:
                yield from options(each, aliases)
        case _:
            yield kind


def words(kind: Type, aliases: Aliases, depth: int = 0) -> str:  # noqa: PLR0911 - a line a kind
    """A type in Puppet's notation, shortened where it is long; with what a simple alias stands for."""
    match kind["kind"]:
        case "Alias":
            target = aliases.get(kind["name"])
            simple = target and depth == 0 and target["kind"] in ("Integer", "Enum", "Float")
            return f"{kind['name']} ({words(target, aliases, 1)})" if target and simple else str(kind["name"])
        case "Optional" | "NotUndef" | "Sensitive" as name:
            return f"{name}[{words(kind['of'], aliases, depth + 1)}]"
        case "Variant":
            return " or ".join(words(each, aliases, depth + 1) for each in kind["of"])
        case "Enum":
            return "one of " + ", ".join(f"'{each}'" for each in kind["values"])
        case "Pattern":
            text = ", ".join(f"/{each}/" for each in kind["patterns"])
            return f"Pattern[{text}]" if len(text) <= _SHOWN else "a text of a certain pattern"
        case "Integer" | "Float" | "String" as name:
            if kind["from"] is None and kind["to"] is None:
                return str(name)
            start = "default" if kind["from"] is None else kind["from"]
            return f"{name}[{start}]" if kind["to"] is None else f"{name}[{start}, {kind['to']}]"
        case "Array":
            least = f", {kind['from']}" if kind["from"] else ""
            return f"Array[{words(kind['of'], aliases, depth + 1)}{least}]"
        case "Hash":
            return f"Hash[{words(kind['key'], aliases, depth + 1)}, {words(kind['of'], aliases, depth + 1)}]"
        case "Struct":
            return f"a hash with {', '.join(member['name'] for member in kind['members'])}"
        case name:
            return str(name)


def shown(node: Node) -> str:  # noqa: PLR0911 - a line a kind
    """A value, short enough for a message."""
    value = node.value
    match value:
        case None:
            return "nothing"
        case Symbol(name):
            return f"the symbol :{name}"
        case bool():
            return f"Boolean {node.raw or value}"
        case int() | float():
            return f"{'Integer' if isinstance(value, int) else 'Float'} {node.raw or value}"
        case str():
            return f"'{value[:_SHOWN]}{'…' if len(value) > _SHOWN else ''}'"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
    return "a hash" if value else "an empty hash"
