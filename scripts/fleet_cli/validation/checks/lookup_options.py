"""lookup_options: how Hiera merges and converts the values of keys."""

import re
from collections.abc import Iterator

from fleet_cli.repository.documents import Node, items, mapping
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.merging import OPTIONS_KEY, STRATEGIES, strategy_of
from fleet_cli.validation import type_words
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.type_words import Type

_OF_DEEP = ("knockout_prefix", "merge_debug", "merge_hash_arrays", "sort_merged_arrays")
"""What only `deep` takes beside its name."""
_NO_HASHES = frozenset(
    ("Array", "Boolean", "Enum", "Float", "Integer", "Numeric", "Pattern", "Scalar", "String", "Tuple", "Undef")
)
_ONE_VALUE = frozenset(("Boolean", "Enum", "Float", "Integer", "Numeric", "Pattern", "String"))
_OPTIONS = ("merge", "convert_to")
_BROKEN = ("missing )", "unbalanced parenthesis", "unterminated character set")
"""What Python says of patterns that Ruby refuses as well: the two differ in other things."""
_TYPES = (
    "Any", "Array", "Binary", "Boolean", "Collection", "Data", "Enum", "Float", "Hash", "Init", "Integer", "Iterable",
    "NotUndef", "Numeric", "Object", "Optional", "Pattern", "Regexp", "RichData", "Scalar", "ScalarData", "SemVer",
    "SemVerRange", "Sensitive", "String", "Struct", "Timespan", "Timestamp", "Tuple", "Type", "URI", "Undef", "Variant",
)  # fmt: skip


def problems(options: Node, code: PuppetCode) -> Iterator[Problem]:
    """Options and ways to merge that Hiera does not have, and such as fail on the values of a key."""
    for key, pair in mapping(options).items():
        for name, entry in mapping(pair.node).items():
            if name not in _OPTIONS:
                below = f"it belongs below merge: {{strategy: deep, {name}: …}}" if name in _OF_DEEP else ""
                suggestion = below or did_you_mean(name, _OPTIONS)
                yield Problem(entry.line, entry.column, "unknown-key", f"'{name}' is no lookup option", suggestion)
            elif name == "merge":
                yield from _merge(entry.node)
            elif name == "convert_to":
                yield from _type(entry.node, code)
        if isinstance(key, str) and key.startswith("^") and (why := _broken(key)):
            yield Problem(pair.line, pair.column, "wrong-type", f"'{key}' is no regular expression: {why}")
        parameter = code.parameters.get(key)
        if parameter and (why := _unfitting(strategy_of(pair.node), parameter.type, code)):
            node = mapping(pair.node)["merge"].node
            yield Problem(node.line, node.column, "wrong-type", f"'{key}' {why}", "drop it, or choose another one")


def _merge(node: Node) -> Iterator[Problem]:
    said = mapping(node)
    place = said["strategy"].node if "strategy" in said else node
    if isinstance(place.value, str) and place.value not in STRATEGIES:
        message = f"'{place.value}' is no way to merge: " + ", ".join(STRATEGIES)
        yield Problem(place.line, place.column, "wrong-type", message, did_you_mean(place.value, STRATEGIES))
    elif isinstance(node.value, dict) and "strategy" not in said and not {*said} - {*_OF_DEEP}:
        message = "'merge' names no strategy: " + ", ".join(STRATEGIES)
        yield Problem(node.line, node.column, "missing-key", message, "add strategy: deep")
    elif isinstance(node.value, (list, bool, int)):
        message = "'merge' is neither a strategy nor a hash with one"
        yield Problem(node.line, node.column, "wrong-type", message, ", ".join(STRATEGIES))
    for name, entry in said.items():
        if name not in ("strategy", *_OF_DEEP):
            message = f"'{name}' is no option of a merge"
            suggestion = did_you_mean(name, ("strategy", *_OF_DEEP)) or "known: " + ", ".join(("strategy", *_OF_DEEP))
            yield Problem(entry.line, entry.column, "unknown-key", message, suggestion)
        elif name in _OF_DEEP and place.value in STRATEGIES and place.value != "deep":
            message = f"'{name}' is an option of deep merges, and the strategy '{place.value}' refuses it"
            yield Problem(entry.line, entry.column, "unknown-key", message, "use the strategy deep, or drop it")


def _type(node: Node, code: PuppetCode) -> Iterator[Problem]:
    """A type to convert to that Puppet does not have: those of modules have two colons in their names."""
    place = items(node)[0] if items(node) else node
    name = str(place.value).partition("[")[0].strip()
    if "::" not in name and name not in _TYPES and name not in code.aliases:
        suggestion = did_you_mean(name, _TYPES)
        yield Problem(place.line, place.column, "wrong-type", f"'{name}' is no data type of Puppet", suggestion)


def _broken(pattern: str) -> str:
    """Why a pattern is none of Ruby's either; empty if it may be."""
    try:
        re.compile(pattern)
    except re.error as error:
        return error.msg if error.msg.startswith(_BROKEN) else ""
    return ""


def _unfitting(strategy: str | None, kind: Type, code: PuppetCode) -> str:
    """Why a strategy fails on any value of a type; empty if it may do."""
    kinds = {each["kind"] for each in type_words.options(kind, code.aliases)}
    if strategy == "hash" and kinds and kinds <= _NO_HASHES:
        return f"is {type_words.words(kind, code.aliases)}: the strategy 'hash' merges hashes alone"
    if strategy == "unique" and kinds and kinds <= {"Hash", "Struct"}:
        return f"is {type_words.words(kind, code.aliases)}: the strategy 'unique' refuses hashes"
    if strategy in ("deep", "unique") and kinds and kinds <= _ONE_VALUE:
        return f"is {type_words.words(kind, code.aliases)}: the strategy '{strategy}' has nothing to merge"
    return ""


def findings(data: FleetData, code: PuppetCode, missing: set[str]) -> Iterator[Finding]:
    """Lookup options of keys that nothing looks up: the merge that they ask for never happens."""
    used = {key for document in data.documents.values() for key in document.top} | code.parameters.keys() | code.lookups
    for name in data.with_key(OPTIONS_KEY):
        options = data.documents[name].top[OPTIONS_KEY].node.value
        for key, pair in options.items() if isinstance(options, dict) else ():
            known = (
                not isinstance(key, str)
                or key in used
                or code.looks_up(key)
                or key.startswith("^")
                or key.partition("::")[0] in missing
            )
            if not known:
                message = f"'{key}' is no key that is used"
                yield Finding(name, pair.line, pair.column, "unknown-key", message, did_you_mean(str(key), used))
