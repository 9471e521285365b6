"""lookup_options: how Hiera merges and converts the values of keys."""

from collections.abc import Iterator

from fleet_cli.repository.documents import Node, mapping
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.merging import OPTIONS_KEY, STRATEGIES, strategy_of
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.puppet_code import PuppetCode


def problems(options: Node) -> Iterator[Problem]:
    """Options that Hiera does not have, and ways to merge that it does not know."""
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


def findings(data: FleetData, code: PuppetCode, missing: set[str]) -> Iterator[Finding]:
    """Lookup options of keys that nothing looks up: the merge that they ask for never happens."""
    used = {key for document in data.documents.values() for key in document.top} | code.parameters.keys() | code.lookups
    for name in data.with_key(OPTIONS_KEY):
        options = data.documents[name].top[OPTIONS_KEY].node.value
        for key, pair in options.items() if isinstance(options, dict) else ():
            known = not isinstance(key, str) or key in used or key.startswith("^") or key.partition("::")[0] in missing
            if not known:
                message = f"'{key}' is no key that is used"
                yield Finding(name, pair.line, pair.column, "unknown-key", message, did_you_mean(str(key), used))
