"""How Hiera puts the values of a key together over the layers: lookup_options."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from fleet_cli.repository.documents import Document, Node, mapping

OPTIONS_KEY = "lookup_options"
STRATEGIES = ("first", "unique", "hash", "deep")
ALL_LEVELS = 99
_LEVELS = {"hash": 1, "deep": ALL_LEVELS}


@dataclass(frozen=True)
class Merges:
    """The strategy of each key; `first`, where nothing is said."""

    exact: Mapping[str, str]
    patterns: tuple[tuple[re.Pattern[str], str], ...]

    def strategy(self, key: str) -> str:
        """One of STRATEGIES."""
        if key in self.exact:
            return self.exact[key]
        return next((strategy for pattern, strategy in self.patterns if pattern.search(key)), "first")

    def levels(self, key: str) -> int:
        """How many levels of a key's hash are merged: what one file lacks there, another one may have."""
        return _LEVELS.get(self.strategy(key), 0)


def strategy_of(options: Node) -> str | None:
    """The strategy that the options of one key name; None if they name none."""
    merge = mapping(options).get("merge")
    if merge is None:
        return None
    said = mapping(merge.node).get("strategy")
    value = said.node.value if said else merge.node.value
    return value if isinstance(value, str) else None


def collect(documents: Iterable[Document]) -> Merges:
    """Put together what files say of merging; of what several say of a key, the first counts."""
    options: dict[str, list[Node]] = {}
    for document in documents:
        if pair := document.top.get(OPTIONS_KEY):
            for key, said in mapping(pair.node).items():
                options.setdefault(key, []).append(said.node)
    return of_options(options)


def of_options(options: Mapping[str, Iterable[Node]]) -> Merges:
    """Return how keys are merged, by the options of each key; who names options without `merge` gets `first`."""
    said = {key: next(filter(None, map(strategy_of, nodes)), "first") for key, nodes in options.items()}
    patterns = tuple((_compiled(key), strategy) for key, strategy in said.items() if key.startswith("^"))
    return Merges({key: strategy for key, strategy in said.items() if not key.startswith("^")}, patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile(r"(?!)")


@dataclass(frozen=True)
class Conversions:
    """To which type Hiera converts the values of keys: `convert_to` of lookup_options.

    Attributes:
        exact: the name of the type by key.
        patterns: the same by a pattern of keys.
    """

    exact: Mapping[str, str]
    patterns: tuple[tuple[str, str], ...]

    def of(self, key: str) -> str:
        """The name of a type, such as Integer; empty if values stay as they are."""
        if key in self.exact:
            return self.exact[key]
        return next((kind for pattern, kind in self.patterns if _compiled(pattern).search(key)), "")


def conversions(documents: Iterable[Document]) -> Conversions:
    """Put together what files say of converting; of what several say of a key, the first counts."""
    found: dict[str, str] = {}
    for document in documents:
        options = document.top.get(OPTIONS_KEY)
        for key, said in mapping(options.node).items() if options else ():
            pair = mapping(said.node).get("convert_to")
            value = pair.node.value if pair else None
            kind = value[0].value if isinstance(value, list) and value else value
            if isinstance(kind, str):
                found.setdefault(key, kind)
    patterns = tuple((key, kind) for key, kind in found.items() if key.startswith("^"))
    return Conversions({key: kind for key, kind in found.items() if not key.startswith("^")}, patterns)
