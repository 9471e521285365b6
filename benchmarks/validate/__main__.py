"""Measure `fleet validate` on a large repository, beside what one would run without it. README.md says how."""

import argparse
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fleet_cli.machine import paths, process, steps, temporary
from fleet_cli.machine.errors import CommandFailedError
from fleet_cli.roots import rootfs

from benchmarks.validate import generated
from tests import new_secrets
from tests.catalog.catalogs import Node, compile_nodes

REPO = Path(__file__).resolve().parents[2]
NODES, SERVICES, SAMPLE, RUNS = 10_000, 300, 3, 3
CACHE = paths.CACHE / "validate"


class Run(NamedTuple):
    """One measurement: wall seconds, those of all processors (None where they can't be told), and the exit status."""

    what: str
    wall: float
    cpu: float | None
    status: int


def main() -> None:
    """Run all, and write what was measured to dist/validate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validate", description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES, help="machines, each with a file")
    parser.add_argument("--services", type=int, default=SERVICES, help="services that every machine runs")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each kind of run of validate is measured")
    parser.add_argument("--compile", type=int, default=SAMPLE, metavar="N", dest="sample",
                        help="nodes of which the catalog is compiled; 0: none")  # fmt: skip
    options = parser.parse_args()
    with temporary.directory() as work:
        repo = work / "control"
        with steps.step(f"{options.nodes} machines and {options.services} services"):
            generated.write(repo, REPO, options.nodes, options.services)
            _commit(repo)
        runs = [*_validate(repo, options.runs), *_others(repo, options.nodes)]
        if options.sample:
            runs.append(_catalogs(repo, work, options.sample, options.nodes))
    output = REPO / "dist/validate"
    output.mkdir(parents=True, exist_ok=True)
    (output / "runs.json").write_text(json.dumps([run._asdict() for run in runs], indent=1), encoding="utf-8")
    table = _table(runs)
    (output / "table.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def _commit(repo: Path) -> None:
    git: list[str | Path] = ["git", "-C", repo, "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=All"]):
        process.run([*git, *command])


def _validate(repo: Path, count: int) -> Iterator[Run]:
    node = sorted((repo / "hieradata/nodes").iterdir())[0]
    service = sorted((repo / "hieradata/services").iterdir())[0]
    for _ in range(count):
        shutil.rmtree(CACHE, ignore_errors=True)
        yield _fleet("fleet validate, nothing kept from before", repo)
    for _ in range(count):
        yield _fleet("fleet validate, nothing changed", repo)
    for number in range(count):
        _append(node, number)
        yield _fleet("fleet validate NODE.yaml, after a change of it", repo, str(node))
    for number in range(count):
        _append(service, number)
        yield _fleet("fleet validate SERVICE.yaml, after a change of it", repo, str(service))
    for number in range(count):
        _append(service, number)
        yield _fleet("fleet validate, after a change of one service", repo)


def _append(file: Path, number: int) -> None:
    with file.open("a", encoding="utf-8") as text:
        text.write(f"# Change {number}.\n")


def _fleet(what: str, repo: Path, *arguments: str) -> Run:
    command: list[str | Path] = [sys.executable, "-m", "fleet_cli", "-C", repo, "validate", *arguments]
    environment = {"PYTHONPATH": str(REPO / "scripts")}
    # A finding is a failure: the repository is to be clean.
    return _measured(what, lambda: process.run(command, env=environment).returncode)


def _others(repo: Path, nodes: int) -> Iterator[Run]:
    manifests = [file.relative_to(repo) for name in generated.CODE for file in (repo / name).rglob("*.pp")]
    validator = ["puppet", "parser", "validate", *(f"/control/{name}" for name in manifests)]
    binds = {repo: "/control"}
    yield _measured("puppet parser validate", lambda: rootfs.run("toolbox", validator, binds=binds).returncode)
    config = repo / ".yamllint"
    command: list[str | Path] = [sys.executable, "-m", "yamllint", "--strict", "-c", config, repo / "hieradata"]
    with steps.step(f"yamllint on {nodes} files"):
        yield _measured("yamllint", lambda: process.run(command).returncode)


def _catalogs(repo: Path, work: Path, sample: int, nodes: int) -> Run:
    """A catalog a node, worked out from a sample: what more of them take than one."""
    keys = work / "keys"
    keys.mkdir()
    new_secrets.new_keys(keys)
    machines = [
        Node(f"node{number:05}.example.org", "app", generated.TIERS[number % len(generated.TIERS)])
        for number in range(sample + 1)
    ]

    def compiled(count: int) -> Callable[[], int]:
        return lambda: sum(bool(catalog.error) for catalog in compile_nodes(machines[:count], repo, keys))

    with steps.step(f"catalogs of {sample + 1} nodes"):
        one, more = _measured("", compiled(1)), _measured("", compiled(sample + 1))
    if one.status or more.status:
        raise CommandFailedError(["compile"], 1, "a catalog of the generated repository does not compile")
    what = f"a catalog of each node ({(more.wall - one.wall) / sample:.1f} s, measured on {sample}; worked out)"
    return Run(what, (more.wall - one.wall) / sample * nodes, None, 0)  # the compiler lives on, and its time with it


def _measured(what: str, act: Callable[[], int]) -> Run:
    before, start = _cpu(), time.monotonic()
    status = act()
    run = Run(what, time.monotonic() - start, _cpu() - before, status)
    if what:
        steps.say(f"{what}: {run.wall:.2f} s, {_seconds(run.cpu)} s of CPU")
    return run


def _cpu() -> float:
    """The seconds of all processes that this one has started and that are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _table(runs: Sequence[Run]) -> str:
    by_what: dict[str, list[Run]] = {}
    for run in runs:
        by_what.setdefault(run.what, []).append(run)
    lines = [f"{os.cpu_count()} processors; median of the runs (range)", "", "| what | seconds | CPU seconds |",
             "| --- | --- | --- |"]  # fmt: skip
    for what, its in by_what.items():
        ordered = sorted(run.wall for run in its)
        middle = sorted(its, key=lambda run: run.wall)[len(its) // 2]
        spread = f" ({_seconds(ordered[0])}–{_seconds(ordered[-1])})" if len(its) > 1 else ""
        lines.append(f"| {what} | {_seconds(middle.wall)}{spread} | {_seconds(middle.cpu)} |")
    return "\n".join(lines) + "\n"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    main()
