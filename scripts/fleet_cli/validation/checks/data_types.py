"""Values of Hiera against Puppet's data types.

Not by JSON Schema, although that is what editors get from the same types (json_schema.py): a value of Hiera may be
encrypted, interpolated or one layer's part of a merged hash, the messages speak of Puppet's types, and each needs its
place in the file.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fleet_cli.repository.documents import Node
from fleet_cli.repository.finding import did_you_mean, nearest
from fleet_cli.repository.scalars import Scalar, Symbol
from fleet_cli.validation import ruby_patterns, type_words
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.type_words import Aliases, Type

UNKNOWN_TEXT = re.compile(r"ENC\[|%\{")
"""Marks of a text that is something else once Hiera has looked it up."""
_ALIAS = re.compile(r"\s*%\{\s*alias\(.*\)\s*\}\s*", re.DOTALL)


Seen = Callable[[str, Node, tuple[Scalar, ...]], None]
"""Told of every value whose type is an alias: the alias, the value, the keys that led to it."""


@dataclass
class Checker:
    """Checks values against types.

    Attributes:
        aliases: the type of each type alias, by name.
        seen: told of every value of an alias.
        suggests: whether to look for what was meant, which takes most of the time.
    """

    aliases: Aliases
    seen: Seen = lambda *_: None
    suggests: bool = True
    _path: list[Scalar] = field(default_factory=list)

    def check(self, kind: Type, node: Node, merged: int = 0) -> list[Problem]:
        """Return what is wrong with a value.

        Args:
            kind: the type that it must have.
            node: the value.
            merged: how many levels of hashes Hiera merges over all layers: what one file lacks there, another may have.
        """
        value = node.value
        if isinstance(value, str) and UNKNOWN_TEXT.search(value):
            fits = _ALIAS.fullmatch(value) or type_words.admits_text(kind, self.aliases)
            return [] if fits else [self._wrong(kind, node)]
        check = _CHECKS.get(kind["kind"])
        return check(self, kind, node, merged) if check else []

    def _alias(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        name = kind["name"]
        target = self.aliases.get(name)
        self.seen(name, node, tuple(self._path))
        if target is None or not (found := self.check(target, node, merged)):
            return []
        # Puppet's name of the type says more than what it is made of.
        return [
            self._wrong(kind, node) if (each.line, each.column, each.code) == (node.line, node.column, "wrong-type")
            else each
            for each in found
        ]  # fmt: skip

    def _optional(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        return [] if node.value is None else self.check(kind["of"], node, merged)

    def _not_undef(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        return [self._wrong(kind, node)] if node.value is None else self.check(kind["of"], node, merged)

    def _sensitive(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        return self.check(kind["of"], node, merged)

    def _variant(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        best: list[Problem] | None = None
        for each in kind["of"]:
            found = self.check(each, node, merged)
            if not found:
                return []
            # The one that is of the right kind and wrong further inside is what was meant.
            if any((problem.line, problem.column) != (node.line, node.column) for problem in found):
                best = found
        return best or [self._wrong(kind, node)]

    def _undef(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        return [] if node.value is None else [self._wrong(kind, node)]

    def _string(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        fits = isinstance(node.value, str) and _within(len(node.value), kind)
        return [] if fits else [self._wrong(kind, node)]

    def _pattern(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        value = node.value
        fits = isinstance(value, str) and any(ruby_patterns.expression(each).search(value) for each in kind["patterns"])
        return [] if fits else [self._wrong(kind, node)]

    def _enum(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        value = node.value.lower() if isinstance(node.value, str) and kind["any_case"] else node.value
        return [] if isinstance(value, str) and value in kind["values"] else [self._wrong(kind, node)]

    def _boolean(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        fits = isinstance(node.value, bool) and kind.get("value") in (None, node.value)
        return [] if fits else [self._wrong(kind, node)]

    def _integer(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        value = node.value
        fits = isinstance(value, int) and not isinstance(value, bool) and _within(value, kind)
        return [] if fits else [self._wrong(kind, node)]

    def _float(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        fits = isinstance(node.value, float) and _within(node.value, kind)
        return [] if fits else [self._wrong(kind, node)]

    def _numeric(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        fits = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        return [] if fits else [self._wrong(kind, node)]

    def _scalar(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        fits = isinstance(node.value, (str, int, float, bool)) and not isinstance(node.value, Symbol)
        return [] if fits else [self._wrong(kind, node)]

    def _collection(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        fits = isinstance(node.value, (list, dict)) and not isinstance(node.value, Symbol)
        return [] if fits else [self._wrong(kind, node)]

    def _array(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        if not isinstance(node.value, list):
            return [self._wrong(kind, node)]
        found = [] if _within(len(node.value), kind) else [self._wrong(kind, node)]
        return found + [
            each for place, item in enumerate(node.value) for each in self._below(place, kind["of"], item, 0)
        ]

    def _tuple(self, kind: Type, node: Node, _merged: int) -> list[Problem]:
        types = kind["of"]
        size = {"from": len(types) if kind["from"] is None else kind["from"], "to": kind["to"] or len(types)}
        if not isinstance(node.value, list) or not _within(len(node.value), size):
            return [self._wrong(kind, node)]
        pairs = enumerate(node.value)
        return [
            each for place, item in pairs for each in self._below(place, types[min(place, len(types) - 1)], item, 0)
        ]

    def _hash(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        if not isinstance(node.value, dict):
            return [self._wrong(kind, node)]
        found = [] if merged or _within(len(node.value), kind) else [self._wrong(kind, node)]
        for key, pair in node.value.items():
            found += self.check(kind["key"], Node(pair.line, pair.column, key))
            found += self._below(key, kind["of"], pair.node, max(merged - 1, 0))
        return found

    def _struct(self, kind: Type, node: Node, merged: int) -> list[Problem]:
        if not isinstance(node.value, dict):
            return [self._wrong(kind, node)]
        members = {member["name"]: member for member in kind["members"]}
        found = [
            Problem(pair.line, pair.column, "unknown-key", f"'{key}' is no key here",
                    did_you_mean(str(key), members) or "known: " + ", ".join(members))
            for key, pair in node.value.items() if key not in members
        ]  # fmt: skip
        for name, member in members.items():
            pair = node.value.get(name)
            if pair is not None:
                found += self._below(name, member["of"], pair.node, max(merged - 1, 0))
            elif not member["optional"] and not merged:
                found.append(Problem(node.line, node.column, "missing-key", f"the key '{name}' is missing",
                                     f"add {name}: {type_words.words(member['of'], self.aliases)}"))  # fmt: skip
        return found

    def _below(self, key: Scalar, kind: Type, node: Node, merged: int) -> list[Problem]:
        self._path.append(key)
        try:
            return self.check(kind, node, merged)
        finally:
            self._path.pop()

    def _wrong(self, kind: Type, node: Node) -> Problem:
        message = f"expected {type_words.words(kind, self.aliases)}, got {type_words.shown(node)}"
        return Problem(
            node.line, node.column, "wrong-type", message, self._instead(kind, node) if self.suggests else ""
        )

    def _instead(self, kind: Type, node: Node) -> str:
        """What would do in the place of a value, as a suggestion; empty if nothing comes near."""
        value, quoted = node.value, node._replace(value=node.raw, raw="")
        for each in type_words.options(kind, self.aliases):
            match each["kind"]:
                case "Integer" | "Float" | "Numeric" if isinstance(value, str) and re.fullmatch(
                    r"-?[0-9]{1,20}", value
                ):
                    if not self.check(each, node._replace(value=int(value))):
                        return f"without quotes: {value}"
                case "Boolean" if isinstance(value, str) and value.lower() in ("true", "false"):
                    return f"without quotes: {value.lower()}"
                case "String" | "Pattern" | "Enum" if node.raw and value is not None and not self.check(each, quoted):
                    return f"in quotes: '{node.raw}'"
                case "Enum" if isinstance(value, str) and (near := nearest(value, each["values"])):
                    return f"did you mean '{near}'?"
                case "Array" if isinstance(value, (str, int)) and not self.check(each, node._replace(value=[node])):
                    return f"as a list: [{node.raw or value}]"
        return ""


_CHECKS: Mapping[str, Callable[[Checker, Type, Node, int], list[Problem]]] = {
    "Alias": Checker._alias,
    "Optional": Checker._optional,
    "NotUndef": Checker._not_undef,
    "Sensitive": Checker._sensitive,
    "Variant": Checker._variant,
    "Undef": Checker._undef,
    "String": Checker._string,
    "Pattern": Checker._pattern,
    "Enum": Checker._enum,
    "Boolean": Checker._boolean,
    "Integer": Checker._integer,
    "Float": Checker._float,
    "Numeric": Checker._numeric,
    "Scalar": Checker._scalar,
    "ScalarData": Checker._scalar,
    "Collection": Checker._collection,
    "Array": Checker._array,
    "Tuple": Checker._tuple,
    "Hash": Checker._hash,
    "Struct": Checker._struct,
}
"""The check of each kind of type; any value fits a type of another kind, such as Any."""


def _within(number: float, size: Type) -> bool:
    return (size["from"] is None or size["from"] <= number) and (size["to"] is None or number <= size["to"])
