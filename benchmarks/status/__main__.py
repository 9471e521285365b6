"""Measure what `fleet status` costs, beside the ssh connections that it can't do without. README.md says how."""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from fleet_cli.fleet.asking import FAN_OUT
from fleet_cli.lab import description, ssh
from fleet_cli.lab.boxes import NOT_SHARED
from fleet_cli.machine import paths, process, steps, temporary
from fleet_cli.repository.labfile import Box, Lab

REPO = Path(__file__).resolve().parents[2]
NODES, KNOWN, RUNS = 50, 1000, 7
CGROUPS = Path("/sys/fs/cgroup")
PLACE = "/run/fleet-benchmark.py"


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall clock, of CPU here, and of CPU on the boxes, whatever else they do."""

    wall: float
    here: float
    boxes: float


def main() -> None:
    """Run all, by turns, and write what was measured to dist/status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.status", description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES, help="nodes that are asked")
    parser.add_argument("--known", type=int, default=KNOWN, help="nodes that PuppetDB knows, for the last two rows")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each is measured")
    parser.add_argument("--beside", type=Path, metavar="DIR", help="a clone whose fleet is measured, too, by turns")
    options = parser.parse_args()
    lab = description.load(REPO)
    names = [f"benchmark{number}.fleet.test" for number in range(options.known)]
    asked = names[: options.nodes]
    words = [f"benchmark[0-{options.nodes - 1}]"]
    every = f"benchmark[0-{options.known - 1}]"  # without names, those that are like the Puppet server are left out
    measured: dict[str, list[Sample]] = {}

    programs = {"fleet": REPO, **({"the other fleet": options.beside} if options.beside else {})}

    def measure(kinds: dict[str, Callable[[], None]]) -> None:
        for _ in range(options.runs):
            for what, do in kinds.items():
                sample = _sample(do)
                cpu = f"CPU {sample.here:.2f} s here, {sample.boxes:.2f} s of the boxes"
                steps.say(f"{what}: {sample.wall:.2f} s, {cpu}")
                measured.setdefault(what, []).append(sample)

    with temporary.directory() as work:
        fleet = _described(lab, asked, work)
        few, many = f"{options.nodes} nodes", f"{options.known} in PuppetDB"
        with _known(lab, asked):
            measure({
                f"ssh HOST true, {few}": lambda: _all_true(work / "ssh-config", asked),
                **{f"{name} status, {few}": partial(_status, clone, fleet, len(asked), *words)
                   for name, clone in programs.items()},
            })  # fmt: skip
            with _known(lab, names[options.nodes :]):
                measure({
                    **{f"{name} status of {few}, {many}": partial(_status, clone, fleet, len(asked), *words)
                       for name, clone in programs.items()},
                    **{f"{name} status --quick, {many}": partial(_status, clone, fleet, len(names), "--quick", every)
                       for name, clone in programs.items()},
                })  # fmt: skip
    output = REPO / "dist/status"
    output.mkdir(parents=True, exist_ok=True)
    table = _table(measured)
    (output / "table.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def _boxes(lab: Lab) -> tuple[Box, ...]:
    """All nodes: sshd refuses some connections where more than ten come at once (MaxStartups)."""
    return (lab.server, *lab.nodes)


def _described(lab: Lab, names: Sequence[str], work: Path) -> Path:
    """Describe the lab as a fleet in which names of no node are further names of its nodes."""
    boxes = _boxes(lab)
    text = NOT_SHARED + paths.SSH_CONFIG.read_text(encoding="utf-8")
    for number, name in enumerate(names):
        box = boxes[number % len(boxes)]
        _, _, how = text[text.index(f"Host {box.name} ") :].partition("\n\n")[0].partition("\n")
        text += f"\nHost {name}\n{how}\n"
    (work / "ssh-config").write_text(text, encoding="utf-8")
    of_lab = description.of(lab)
    file = work / "fleet.yaml"
    file.write_text(f"server: {of_lab.server}\nremote: {of_lab.remote}\nssh_config: ssh-config\n", encoding="utf-8")
    return file


@contextmanager
def _known(lab: Lab, certnames: Sequence[str]) -> Iterator[None]:
    """PuppetDB knows nodes of these names, each like one of the lab's, as long as the block lasts."""
    ssh.run(lab.server, ["tee", PLACE], stdin=Path(__file__).with_name("known.py").read_text(encoding="utf-8"))
    likes = "\n".join(box.certname for box in _boxes(lab))
    try:
        with steps.step(f"PuppetDB is told of {len(certnames)} nodes"):
            ssh.run(lab.server, ["python3", PLACE, "add", *certnames], stdin=likes)
        yield
    finally:
        ssh.run(lab.server, ["python3", PLACE, "remove", *certnames])


def _all_true(config: Path, hosts: Sequence[str]) -> None:
    """The floor: as many connections, as many at a time, and nothing done over them."""
    each: list[str | Path] = ["ssh", "-F", config, "-o", "BatchMode=yes", "{}", "true"]
    process.run(["xargs", "-P", str(FAN_OUT), "-I", "{}", *each], stdin="\n".join(hosts))


def _status(clone: Path, fleet: Path, expected: int, *arguments: str) -> None:
    command: list[str | Path] = [clone / "scripts/fleet", "-C", REPO, "--fleet", fleet, "status", "--json", *arguments]
    done = process.run(command, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(f"fleet status {' '.join(arguments)}: {done.stderr}")
    nodes = json.loads(done.stdout)["nodes"]
    wrong = [node["error"] for node in nodes if node["error"]]
    if wrong or len(nodes) < expected:
        sys.exit(f"fleet status {' '.join(arguments)}: {len(nodes)} nodes, {len(wrong)} did not answer: {wrong[:1]}")


def _sample(do: Callable[[], None]) -> Sample:
    before, on_boxes, start = _cpu_here(), _cpu_of_boxes(), time.monotonic()
    do()
    return Sample(time.monotonic() - start, _cpu_here() - before, _cpu_of_boxes() - on_boxes)


def _cpu_here() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of_boxes() -> float:
    return sum(int(file.read_text(encoding="ascii").split()[1]) for file in _counters()) / 1e6


@cache
def _counters() -> tuple[Path, ...]:
    """The file of each box's cgroup that counts its CPU; below it, cgroups come and go."""
    found = []
    for directory, below, _ in os.walk(CGROUPS):
        boxes = [name for name in below if name.startswith(f"lxc.payload.{paths.CONTAINER_PREFIX}")]
        found += [Path(directory, box, "cpu.stat") for box in boxes]
        below[:] = [] if boxes else below
    return tuple(file for file in found if file.exists())


def _table(measured: dict[str, list[Sample]]) -> str:
    lines = ["| what | seconds | CPU seconds here | CPU seconds of the boxes |", "| --- | --- | --- | --- |"]
    for what, samples in measured.items():
        wall = [sample.wall for sample in samples]
        here, boxes = (statistics.median(getattr(sample, name) for sample in samples) for name in ("here", "boxes"))
        spread = f"{statistics.median(wall):.2f} ({min(wall):.2f}–{max(wall):.2f})"
        lines.append(f"| {what} | {spread} | {here:.2f} | {boxes:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
