"""Run all tools on a box of the lab, one beside the other. README.md says how, and by which rules."""

import argparse
import dataclasses
import fcntl
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet_cli.fleet import agents, deploying
from fleet_cli.lab import description, remote, ssh
from fleet_cli.machine import cache, host, paths, process, steps, temporary
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Box, Lab
from fleet_cli.roots import rootfs

from benchmarks.converge import catalog, desired, packages, report, tools
from benchmarks.converge.desired import State
from benchmarks.converge.meter import Sample
from benchmarks.converge.tools import Ansible, Puppet, Tool

HERE = Path(__file__).resolve().parent
COUNTS = (1, 10, 50, 100)
QUICK_COUNTS = (1, 10)
SCENARIOS = ("first", "no-op", "config", "version")
SLOW_SECONDS = 60
"""A tool whose warm-up takes longer than this is measured once; of runs without a change, the warm-up is that one."""
SOURCES = f"""\
Types: deb
URIs: file:{tools.ON_NODE}/repository
Suites: ./
Trusted: yes
"""


def controller_venv() -> Path:
    """The push tools, on this machine; kept for the next time. It works at this path only, so it is made in place."""
    directory = paths.STATE / "benchmark" / "controller"
    requirements = HERE / "controller.txt"
    recipe = cache.digest(requirements.read_text(encoding="utf-8"))
    made_from = directory / "made-from"
    if not made_from.exists() or made_from.read_text(encoding="utf-8") != recipe:
        with steps.step("virtual environment of controller.txt"):
            shutil.rmtree(directory, ignore_errors=True)
            process.run(["/usr/bin/python3", "-m", "venv", directory])
            process.run([directory / "bin/pip", "install", "--quiet", "--require-hashes", "-r", requirements])
            made_from.write_text(recipe, encoding="utf-8")
    return directory


def node_venv() -> Path:
    """Salt for the node: made in a clean Debian of its release, which has a compiler, at its path on the node."""
    requirements = HERE / "node.txt"
    target = f"{tools.ON_NODE}/salt"
    script = f"python3 -m venv {target} && {target}/bin/pip install --quiet --require-hashes -r /requirements.txt"

    def fill(new: Path) -> None:
        with steps.step("virtual environment of node.txt"):
            rootfs.run(
                "build",
                ["sh", "-c", script],
                binds={new: target, requirements: "/requirements.txt"},
                env={**host.pip_environment(), "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"},
            )

    recipe = cache.digest(requirements.read_text(encoding="utf-8"))
    with cache.Directories(paths.STATE / "benchmark").made("node", recipe, fill) as directory:
        return directory


@contextmanager
def alone() -> Iterator[None]:
    """Keep two benchmarks from spoiling each other.

    Raises:
        FleetError: another one is under way on this machine.
    """
    file = paths.STATE / "benchmark" / "lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FleetError("another benchmark is under way on this machine: wait for it to end") from None
        yield


def clean(box: Box, prefix: str) -> None:
    """Remove a set of services from the node."""
    script = (tools.STATES / "clean.sh").read_text(encoding="utf-8")
    ssh.run(box, ["sh", "-s", prefix], stdin=script)


def repository(work: Path, counts: Sequence[int], versions: int) -> Path:
    """An apt repository of all services; the first one of each set has more versions, for the upgrades."""
    wanted = []
    for prefix in (desired.MODULE_SET, desired.TOOLS_SET):
        names = [service.name for service in State(prefix, max(counts)).services]
        wanted += [(name, desired.FIRST_VERSION) for name in names]
        wanted += [(names[0], f"{number}.0-1") for number in range(2, versions + 1)]
    directory = work / "repository"
    with steps.step(f"building {len(wanted)} packages"), temporary.directory() as scratch:
        packages.build(directory, wanted, scratch)
    return directory


def installed(box: Box) -> set[str]:
    """The Debian packages of the node."""
    return set(ssh.run(box, ["dpkg-query", "--show", "--showformat", "${Package}\\n"]).stdout.split())


@contextmanager
def prepared(lab: Lab, box: Box, packages_directory: Path, salt: Path) -> Iterator[None]:
    """The node with what the tools need on it; afterwards as it was."""
    before = installed(box)
    try:
        with steps.step(f"{box.name}: packages and Salt"):
            # Ansible's apt module needs it on the node.
            ssh.run(box, ["apt-get", "-q", "-y", "--no-install-recommends", "install", "python3-apt"])
            ssh.upload(box, packages_directory, f"{tools.ON_NODE}/repository")
            ssh.upload(box, salt, f"{tools.ON_NODE}/salt")
            ssh.run(box, ["mkdir", "-p", f"{tools.ON_NODE}/salt-config"])
            ssh.run(box, ["tee", tools.APT_SOURCE], stdin=SOURCES)
            ssh.run(box, ["chmod", "-R", "a+rX", tools.ON_NODE])
            only = f"-o Dir::Etc::sourcelist={tools.APT_SOURCE} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0"
            ssh.run(box, ["sh", "-c", f"apt-get update -qq {only}"])
        yield
    finally:
        with steps.step(f"{box.name}: as it was"):
            for prefix in (desired.MODULE_SET, desired.TOOLS_SET):
                clean(box, prefix)
            if more := sorted(installed(box) - before):
                ssh.run(box, ["dpkg", "--purge", *more])
            ssh.run(box, ["rm", "-rf", tools.ON_NODE, tools.APT_SOURCE])
            ssh.run(box, ["sh", "-c", "rm -f /var/lib/apt/lists/*fleet-benchmark*"])
            deploying.end_trial(description.of(lab), [box])
            branch = f"refs/heads/{tools.ENVIRONMENT}"
            ssh.run(lab.server, ["git", "-C", remote.PATH, "update-ref", "-d", branch])
            (last,) = agents.run(description.of(lab), [box])
        steps.say("\n".join(agents.explain(last)))


class Benchmark:
    """The tools on one box, and what came of each run."""

    def __init__(
        self, lab: Lab, box: Box, chosen: Sequence[Tool], *, runs: int, compilations: int, scenarios: Sequence[str]
    ) -> None:
        self.lab = lab
        self.box = box
        self.tools = chosen
        self.runs = runs
        self.compilations = compilations
        self.scenarios = scenarios
        self.results: list[dict[str, Any]] = []
        self.catalogs: list[dict[str, Any]] = []
        self._states = {prefix: State(prefix, 1) for prefix in (desired.MODULE_SET, desired.TOOLS_SET)}

    def measure(self, count: int, skip: Sequence[str]) -> None:
        """All scenarios with so many services."""
        present = [tool for tool in self.tools if tool.name not in skip]
        self._converge(count, present)
        for puppet in (tool for tool in present if type(tool) is Puppet):
            for _ in range(self.compilations):
                puppet.run(expect_changes=False)
        warm_ups = {tool.name: self._once(tool, "warm-up", expect=False) for tool in present}
        slow = {name for name, sample in warm_ups.items() if sample.wall > SLOW_SECONDS}
        rounds = {tool.name: 1 if tool.name in slow else self.runs for tool in present}
        if "no-op" in self.scenarios:
            for name in sorted(slow):
                self._keep(name, count, "no-op", warm_ups[name])
        for number in range(self.runs if "no-op" in self.scenarios else 0):
            for tool in self._in_turn(present, number):
                if tool.name not in slow:
                    self._once(tool, "no-op", expect=False)
        for puppet in (tool for tool in present if type(tool) is Puppet):
            summary = catalog.summary(self.lab, self.box, count, rounds[puppet.name])
            self.catalogs.append(summary)
        for scenario, key in (("config", "greeting"), ("version", "version")):
            for number in range(self.runs if scenario in self.scenarios else 0):
                for tool in self._in_turn(present, number):
                    if number < rounds[tool.name]:
                        state = self._states[tool.prefix]
                        self._states[tool.prefix] = dataclasses.replace(state, **{key: getattr(state, key) + 1})
                        tool.declare(self._states[tool.prefix])
                        self._once(tool, scenario, expect=True)

    def _converge(self, count: int, present: Sequence[Tool]) -> None:
        """From nothing to all services, once by each tool; by the first one of each set where it is not measured."""
        for prefix, state in self._states.items():
            self._states[prefix] = dataclasses.replace(state, count=count)
        done: set[str] = set()
        for tool in present:
            tool.declare(self._states[tool.prefix])
            if "first" in self.scenarios or tool.prefix not in done:
                clean(self.box, tool.prefix)
                self._once(tool, "first", expect=True)
                done.add(tool.prefix)

    def _in_turn(self, present: Sequence[Tool], number: int) -> list[Tool]:
        """Each round begins with another tool."""
        start = number % len(present)
        return [*present[start:], *present[:start]]

    def _once(self, tool: Tool, scenario: str, expect: bool) -> Sample:
        sample = tool.run(expect)
        count = self._states[tool.prefix].count
        steps.say(f"{count} services, {scenario}, {tool.name}: {sample.wall:.1f} s")
        if scenario in self.scenarios:
            self._keep(tool.name, count, scenario, sample)
        return sample

    def _keep(self, name: str, count: int, scenario: str, sample: Sample) -> None:
        self.results.append({"tool": name, "services": count, "scenario": scenario, **sample.as_dict()})

    def result(self) -> dict[str, Any]:
        """All that was measured."""
        return {"runs": self.results, "catalogs": self.catalogs}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.converge", description=__doc__)
    parser.add_argument("--box", help="box of lab.yaml to measure on (the first with role app and tier staging)")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="numbers of services (1 10 50 100)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each tool in each scenario (5)")
    parser.add_argument(
        "--compilations", type=int, default=0, metavar="N",
        help="have the Puppet server compile N catalogs of each number of services before anything is measured (0)",
    )  # fmt: skip
    parser.add_argument(
        "--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS,
        help=f"only these of {', '.join(SCENARIOS)}",
    )  # fmt: skip
    parser.add_argument("--tools", nargs="+", help=f"only these of {', '.join(tool.name for tool in tools.ALL)}")
    parser.add_argument("--quick", action="store_true", help="1 and 10 services, 3 runs")
    parser.add_argument(
        "--slow", action="store_true", help="plain Ansible with more than 10 services too: minutes a run"
    )
    parser.add_argument(
        "--watch", type=int, default=0, help="seconds that the module watches a new release; its own default is 5 (0)"
    )
    parser.add_argument("--output", type=Path, default=Path("dist/converge"), help="where the files go (dist/converge)")
    options = parser.parse_args()
    if options.quick:
        options.counts, options.runs = QUICK_COUNTS, 3
    known = {tool.name for tool in tools.ALL}
    if options.tools and not known >= set(options.tools):
        parser.error(f"--tools: {', '.join(sorted(set(options.tools) - known))}: not one of {', '.join(sorted(known))}")
    return options


def _box(lab: Lab, name: str | None) -> Box:
    if name:
        return lab.box(name)
    for box in lab.nodes:
        if (box.role, box.tier) == ("app", "staging"):
            return box
    raise FleetError("lab.yaml has no box with role app and tier staging: name one with --box")


def main() -> None:
    """Prepare, measure, clean up, write."""
    options = _options()
    host.require_debian_root()
    lab = labfile.load(paths.control_repo() / "lab.yaml")
    box = _box(lab, options.box)
    for needed in (lab.server, box):
        ssh.run(needed, ["true"])  # says so where the lab is not up
    controller, salt = controller_venv(), node_venv()
    kinds = [tool for tool in tools.ALL if not options.tools or tool.name in options.tools]
    counts = sorted(options.counts)
    # Each run of these scenarios needs a version that none has had; the tools of a set share them.
    versions = 1 + options.runs * len(counts) * max(1, len(kinds))
    with alone(), temporary.directory() as work, steps.heartbeat():
        built = repository(work, counts, versions)
        with prepared(lab, box, built, salt):
            chosen = [kind(lab, box, work, controller, options.watch) for kind in kinds]
            benchmark = Benchmark(
                lab, box, chosen, runs=options.runs, compilations=options.compilations, scenarios=options.scenarios
            )
            try:
                for count in counts:
                    slow = [] if options.slow or count <= max(QUICK_COUNTS) else [Ansible.name]
                    benchmark.measure(count, skip=slow)
            finally:
                write(benchmark.result(), options.output)
    print((options.output / "tables.md").read_text(encoding="utf-8"))


def write(result: dict[str, Any], directory: Path) -> None:
    """Write what was measured, also if that is not all."""
    if not result["runs"]:
        return
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "runs.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (directory / "tables.md").write_text(report.tables(result), encoding="utf-8")
    (directory / "plot.svg").write_text(report.plot(result), encoding="utf-8")
    steps.say(f"written: {directory}/runs.json, tables.md, plot.svg")


if __name__ == "__main__":
    try:
        main()
    except FleetError as error:
        sys.exit(f"benchmark: {error}")
