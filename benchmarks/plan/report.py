"""What was measured, as a Markdown table."""

from collections.abc import Sequence
from typing import Any

TITLES = {
    "all": "`--all`",
    "first": "first plan",
    "next": "next plan",
    "octocatalog-diff": "octocatalog-diff",
}
_HEAD = (
    "| nodes | | seconds | seconds a node | CPU seconds | memory, MiB | catalogs compiled | octocatalog-diff takes |\n"
)


def table(runs: Sequence[dict[str, Any]]) -> str:
    """A line a run; octocatalog-diff's own time is for the nodes that it was run on."""
    lines = []
    for run in runs:
        nodes = run.get("compared", run["nodes"])
        each = run["wall"] / nodes
        other = _of_octocatalog(runs, run["nodes"])
        ratio = f"{other / each:.0f} times as long" if other and run["what"] != "octocatalog-diff" else ""
        name = TITLES[run["what"]] + (f", {nodes} of them" if nodes != run["nodes"] else "")
        cpu = f"{run['cpu']:.1f}" if "cpu" in run else ""
        memory = f"{run['memory'] / 2**20:.0f}" if run.get("memory") else ""
        cells = (run["nodes"], name, f"{run['wall']:.1f}", f"{each:.3f}", cpu, memory, run["compiled"], ratio)
        lines.append(f"| {' | '.join(map(str, cells))} |\n")
    return _HEAD + "| --- |" + " --- |" * 7 + "\n" + "".join(lines)


def _of_octocatalog(runs: Sequence[dict[str, Any]], nodes: int) -> float:
    """Seconds a node of octocatalog-diff in a fleet of that size; 0 if it was not measured."""
    for run in runs:
        if run["what"] == "octocatalog-diff" and run["nodes"] == nodes:
            return float(run["wall"] / run["compared"])
    return 0.0
