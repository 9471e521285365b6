"""Measure what services that run elsewhere cost a catalog, a plan and a validation. README.md says how."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fleet_cli.compiling import program
from fleet_cli.machine import paths, process, steps, temporary
from fleet_cli.planning import environment, modules

from benchmarks.placement import fleets
from benchmarks.plan import meter
from tests.catalog.control import FACTS, Control

REPO = Path(__file__).resolve().parents[2]
NODES, SERVICES, GROUPS, RUNS, CATALOGS = 1000, 300, 40, 3, 20
CACHE = paths.CACHE / "validate"
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{REPO / 'scripts'}:{REPO}"}
KINDS: dict[str, Callable[[Path, int, int, int], Control]] = {"placed": fleets.placed, "alone": fleets.alone}


def main() -> None:
    """Run all, the two kinds of declaration in turn, and write what was measured to dist/placement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placement", description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES, help="machines")
    parser.add_argument("--services", type=int, default=SERVICES, help="services of the fleet")
    parser.add_argument("--groups", type=int, default=GROUPS, help="groups, each with its share of both")
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="how often each validation is measured, and each catalog"
    )
    options = parser.parse_args()
    size = (options.nodes, options.services, options.groups)
    measured: dict[str, dict[str, list[float]]] = {}
    with temporary.directory() as work:
        controls = {kind: make(work / kind, *size) for kind, make in KINDS.items()}
        for what, kind, seconds in _measurements(controls, work, options.runs):
            steps.say(f"{what}, {kind}: {seconds:.3f} s")
            measured.setdefault(what, {}).setdefault(kind, []).append(seconds)
    output = REPO / "dist/placement"
    output.mkdir(parents=True, exist_ok=True)
    (output / "runs.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    table = _table(measured)
    (output / "table.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def _measurements(controls: dict[str, Control], work: Path, runs: int) -> Iterator[tuple[str, str, float]]:
    for _ in range(runs):
        for kind, control in controls.items():
            first, others = _catalogs(control)
            yield "a node's first catalog in a compiler", kind, first
            yield "a node's catalog after that", kind, others
    for _ in range(runs):
        for kind, control in controls.items():
            shutil.rmtree(CACHE, ignore_errors=True)
            yield "fleet validate, nothing kept from before", kind, _validate(control)
            yield "fleet validate, nothing changed", kind, _validate(control)
    for control in controls.values():
        # Both states are laid out before: fetching modules is the network's speed.
        fleets.bump(control)
        with (
            environment.of_commit(control.directory, "main"),
            environment.of_working_tree(control.directory),
        ):
            pass
    changed = {}
    for kind, control in controls.items():
        changed[kind] = plan = meter.measure(_plan(control, work / f"{kind}-all.sqlite", "--all"), REPO, ENVIRONMENT)
        yield "fleet plan --all", kind, plan.wall
    for kind, control in controls.items():
        plan = meter.measure(_plan(control, work / f"{kind}.sqlite"), REPO, ENVIRONMENT)
        yield "fleet plan, the first", kind, plan.wall
        if json.loads(plan.output)["changed_nodes"] != json.loads(changed["placed"].output)["changed_nodes"]:
            sys.exit("the plans differ in the nodes that change")


def _catalogs(control: Control) -> tuple[float, float]:
    """Seconds that a first catalog takes, and the median of further ones, each of another node."""
    facts = json.loads(control.read(FACTS))
    seconds = []
    with environment.of_commit(control.directory, "main") as base:
        live = {environment.ENVIRONMENTS: program.ENVIRONMENTS, modules.FETCHED: modules.INSIDE}
        with program.started(live, {}, placeholders=True) as compiler:
            for machine in base.machines[: CATALOGS + 1]:
                extensions = {"pp_role": machine.role, "pp_environment": machine.tier}
                start = time.monotonic()
                answer = compiler.compile(program.Request(machine.certname, extensions, base.name, facts))
                seconds.append(time.monotonic() - start)
                if "error" in answer:
                    sys.exit(f"{machine.certname}: {answer['error']}")
    return seconds[0], sorted(seconds[1:])[len(seconds) // 2 - 1]


def _validate(control: Control) -> float:
    command: list[str | Path] = [sys.executable, "-m", "fleet_cli", "-C", control.directory, "validate"]
    start = time.monotonic()
    process.run(command, env=ENVIRONMENT)  # a finding is a failure: the repository is to be clean
    return time.monotonic() - start


def _plan(control: Control, file: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.plan.once", str(control.directory), str(file), *options]


def _table(measured: dict[str, dict[str, list[float]]]) -> str:
    lines = ["| what | placed, seconds | only its own declared, seconds | ratio |", "| --- | --- | --- | --- |"]
    for what, kinds in measured.items():
        placed, alone = (sorted(kinds[kind]) for kind in KINDS)
        middles = [each[len(each) // 2] for each in (placed, alone)]
        cells = [f"{middle:.2f} ({each[0]:.2f}–{each[-1]:.2f})" if len(each) > 1 else f"{middle:.1f}"
                 for middle, each in zip(middles, (placed, alone), strict=True)]  # fmt: skip
        lines.append(f"| {what} | {' | '.join(cells)} | {middles[0] / middles[1]:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    paths.STATE.mkdir(parents=True, exist_ok=True)
    main()
