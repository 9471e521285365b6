"""Measure `fleet plan` beside octocatalog-diff, on fleets of several sizes. README.md says how."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet_cli.machine import paths, steps, temporary
from fleet_cli.planning import environment

from benchmarks.plan import fleets, meter, report
from tests.catalog import octocatalog
from tests.catalog.control import Control

REPO = Path(__file__).resolve().parents[2]
COUNTS = (1, 10, 100, 1000)
OCTOCATALOG_NODES = 3
"""How many nodes octocatalog-diff is run on, at most: it takes each by itself, so the others would take the same."""


def main() -> None:
    """Run all, and write what was measured to dist/plan."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="sizes of fleets, in nodes")
    parser.add_argument("--octocatalog-nodes", type=int, default=OCTOCATALOG_NODES, metavar="N",
                        help="nodes of each fleet that octocatalog-diff is run on; 0: none")  # fmt: skip
    options = parser.parse_args()
    reason = octocatalog.why_not() if options.octocatalog_nodes else ""
    if reason:
        sys.exit(f"octocatalog-diff: {reason}; --octocatalog-nodes 0 does without")
    output = REPO / "dist/plan"
    output.mkdir(parents=True, exist_ok=True)
    runs: list[dict[str, Any]] = []
    for run in (run for count in options.counts for run in _measure(count, options.octocatalog_nodes)):
        runs.append(run)
        (output / "runs.json").write_text(json.dumps(runs, indent=2), encoding="utf-8")
        (output / "table.md").write_text(report.table(runs), encoding="utf-8")
    sys.stdout.write(report.table(runs))


def _measure(count: int, octocatalog_nodes: int) -> Iterator[dict[str, Any]]:
    with temporary.directory() as work, steps.step(f"{count} nodes"):
        control = fleets.make(work / "control", count)
        # Both states are laid out before: fetching modules is the network's speed.
        with (
            environment.of_commit(control.directory, "main"),
            environment.of_working_tree(control.directory),
        ):
            pass
        yield {"nodes": count, "what": "all", **_plan(control, work / "all.sqlite", ["--all"], count)}
        yield {"nodes": count, "what": "first", **_plan(control, work / "kept.sqlite", [], count)}
        fleets.bump(control, "1.2.0-1")
        yield {"nodes": count, "what": "next", **_plan(control, work / "kept.sqlite", [], count)}
        if octocatalog_nodes:
            yield {"nodes": count, "what": "octocatalog-diff", **_octocatalog(control, min(count, octocatalog_nodes))}


def _plan(control: Control, file: Path, options: list[str], count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.plan.once", str(control.directory), str(file), *options]
    env = {**os.environ, "PYTHONPATH": f"{REPO / 'scripts'}:{REPO}"}
    sample = meter.measure(command, REPO, env)
    plan = json.loads(sample.output)
    expected = [one.certname for one in fleets.machines(count) if one.tier == "staging"]
    if plan["changed_nodes"] != expected:
        sys.exit(f"the plan is wrong: it says that {plan['changed_nodes']} change, and not {expected}")
    return {"wall": sample.wall, "cpu": sample.cpu, "memory": sample.memory, "compiled": plan["compiled"]}


def _octocatalog(control: Control, nodes: int) -> dict[str, Any]:
    machines = {machine: control.facts.of(machine) for machine in fleets.machines(nodes)}
    with (
        environment.of_commit(control.directory, "main") as base,
        environment.of_working_tree(control.directory) as head,
        octocatalog.prepared(base, head) as other,
    ):
        start = time.monotonic()
        found = other.compare(machines)
        wall = time.monotonic() - start
    expected = [one.certname for one in fleets.machines(nodes) if one.tier == "staging"]
    if [certname for certname, findings in found.items() if findings] != expected:
        sys.exit(f"octocatalog-diff finds something else: {found}")
    return {"wall": wall, "compared": nodes, "compiled": 2 * nodes}


if __name__ == "__main__":
    paths.STATE.mkdir(parents=True, exist_ok=True)
    main()
