"""Bring new versions to the production nodes of the lab, by each way in turn. README.md says how."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from fleet_cli.fleet import deploying
from fleet_cli.lab import description, ssh
from fleet_cli.machine import host, paths, process, steps, temporary
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Box, Lab

from benchmarks.converge import desired, packages
from benchmarks.converge.__main__ import alone, clean, controller_venv
from benchmarks.converge.desired import State
from benchmarks.rollout import ways
from benchmarks.rollout.ways import Control, Rolling, RollingMitogen, Rollout, Runs, Sample, Way

WAYS = tuple(way.key for way in (Rollout, Runs, Rolling, RollingMitogen))


def publish(work: Path, first: int, versions: int) -> None:
    """Put so many versions of both services, from the first one on, into the fleet's apt repository."""
    wanted = [
        (State(prefix, 1).services[0].name, f"{number}.0-1")
        for prefix in (desired.MODULE_SET, desired.TOOLS_SET)
        for number in range(first, first + versions)
    ]
    with steps.step(f"building and publishing {len(wanted)} packages"), temporary.directory() as scratch:
        packages.build(work / "repository", wanted, scratch)
        files = sorted((work / "repository").glob("*.deb"))
        process.run([paths.control_repo() / "scripts/fleet", "publish", *files])


@contextmanager
def as_before(lab: Lab, boxes: Sequence[Box]) -> Iterator[None]:
    """Afterwards the fleet is given what it was given, and the nodes have neither service."""
    fleet = paths.control_repo() / "scripts/fleet"
    before = deploying.deployed(description.of(lab))
    balancers = [box.name for box in lab.nodes if box.role == "load_balancer"]
    try:
        yield
    finally:
        with steps.step("as it was"):
            process.run([fleet, "deploy"])
            for box in boxes:
                for prefix in (desired.MODULE_SET, desired.TOOLS_SET):
                    clean(box, prefix)
            process.run([fleet, "run", *(box.name for box in boxes), *balancers])
        if deploying.deployed(description.of(lab)) != before:
            steps.say("note: another commit was deployed before than is checked out, which is deployed now")


def measure(chosen: Sequence[Way], boxes: Sequence[Box], first: int, runs: int) -> dict[str, list[Sample]]:
    """Each way in turn, another first in each round; the first round of all is not counted."""
    found: dict[str, list[Sample]] = {way.name: [] for way in chosen}
    version = dict.fromkeys((way.prefix for way in chosen), first)
    for number in range(runs + 1):
        start = number % len(chosen)
        for way in (*chosen[start:], *chosen[:start]):
            version[way.prefix] += 1
            sample = way.run(boxes, version[way.prefix])
            steps.say(f"{way.name}: {sample.wall:.1f} s" + ("" if number else ", not counted"))
            if number:
                found[way.name].append(sample)
    return found


def table(found: dict[str, list[Sample]]) -> str:
    """Wall seconds as median and range, and CPU of this machine."""
    lines = ["| way | seconds | CPU seconds here |", "| --- | --- | --- |"]
    for name, samples in found.items():
        walls = sorted(sample.wall for sample in samples)
        cpu = statistics.median(sample.cpu for sample in samples)
        lines.append(f"| {name} | {statistics.median(walls):.1f} ({walls[0]:.1f}–{walls[-1]:.1f}) | {cpu:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prepare, measure, clean up, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="changes by each way (5)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="only these")
    parser.add_argument("--output", type=Path, default=Path("dist/rollout"), help="where the files go (dist/rollout)")
    options = parser.parse_args()
    host.require_debian_root()
    lab = labfile.load(paths.control_repo() / "lab.yaml")
    boxes = [box for box in lab.nodes if (box.role, box.tier) == ("app", ways.TIER)]
    for box in (lab.server, *boxes):
        ssh.run(box, ["true"])  # says so where the lab is not up
    venv = controller_venv()
    with alone(), temporary.directory() as work, steps.heartbeat():
        control = Control(work / "control", boxes)
        every: list[Way] = [
            Rollout(control, boxes), Runs(control, boxes), Rolling(lab, boxes, work, venv),
            RollingMitogen(lab, boxes, work, venv),
        ]  # fmt: skip
        chosen = [way for way in every if way.key in options.ways]
        first = int(time.time())  # the repository keeps what the benchmark before published
        publish(work, first, 1 + (options.runs + 1) * len(chosen))
        with as_before(lab, boxes):
            Runs(control, boxes).run(boxes, first)
            for way in chosen:
                if isinstance(way, Rolling):
                    way.set_up(first)
            found = measure(chosen, boxes, first, options.runs)
    options.output.mkdir(parents=True, exist_ok=True)
    samples = {name: [asdict(sample) for sample in its] for name, its in found.items()}
    (options.output / "runs.json").write_text(json.dumps(samples, indent=1) + "\n", encoding="utf-8")
    (options.output / "table.md").write_text(table(found), encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    try:
        main()
    except FleetError as error:
        sys.exit(f"benchmark: {error}")
