"""How Hiera puts the values of a key together over the layers: lookup_options."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleet_cli.repository.documents import Document, Node, mapping

OPTIONS_KEY = "lookup_options"
STRATEGIES = ("first", "unique", "hash", "deep")
ALL_LEVELS = 99


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
        return {"hash": 1, "deep": ALL_LEVELS}.get(self.strategy(key), 0)


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
    exact: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for document in documents:
        if pair := document.top.get(OPTIONS_KEY):
            for key, options in mapping(pair.node).items():
                if strategy := strategy_of(options.node):
                    (patterns if key.startswith("^") else exact).setdefault(key, strategy)
    return Merges(exact, tuple((_compiled(key), strategy) for key, strategy in patterns.items()))


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile(r"(?!)")
