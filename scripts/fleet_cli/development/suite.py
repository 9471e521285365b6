"""All tests, part by part, each by one run of pytest.

The node tests wait for boxes more than they work, and so does what brings these up: other parts that are asked for with
them run beside them.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from fleet_cli.development.beside import Beside
from fleet_cli.lab import laboratory
from fleet_cli.machine import host, process, steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import clones
from fleet_cli.repository.labfile import Lab
from fleet_cli.roots import forge, rootfs
from fleet_cli.sandbox import ability, images

PARTS = ("unit", "system", "catalog", "node")
"""In the order in which they run. The first needs nothing but the virtual environment."""

IN_DEBIAN_13 = ("system", "catalog")
"""The parts that work in a Debian 13 of this machine."""

DRILL = "drill"
"""Long trials, in any part but the unit tests: run by their names only."""

_DRILL = re.compile(r"^@pytest\.mark\.drill\n(?:@.*\n)*def test_(\w+)\(", re.MULTILINE)
OUTCOMES = {0: "passed", 5: "none selected"}
"""pytest's exit statuses; with any other one the part failed."""

RUN_NOTHING = {
    "--cache-show", "--co", "--collect-only", "--fixtures", "--fixtures-per-test", "--funcargs", "--help", "--markers",
    "--version", "-V", "-h",
}  # fmt: skip
"""pytest's options with which it runs no test, and so needs nothing."""

ON_ALL_PROCESSORS = ("unit", *IN_DEBIAN_13)
"""The parts whose tests don't meet: those on the boxes do."""

ONE_BY_ONE = {"-n", "--numprocesses", "-s", "--capture=no", "--pdb", "--trace"}
"""pytest's options that want the tests one after the other, or say themselves how many there are at a time."""

DEPLOYED = "FLEET_TEST_DEPLOYED"
"""The variable that lets node tests deploy: the commit of this repository to leave deployed after them."""


def run(
    lab: Lab, repo: Path, parts: list[str], options: list[str], *, require_lab: bool = False, deploy: bool = False
) -> int:
    """Run the parts and say at the end what each came to; return the exit status.

    Args:
        options: for pytest.
        require_lab: whether it is a failure that this machine can't run boxes.
        deploy: whether to deploy what is checked out before the node tests, and let these deploy.

    Raises:
        FleetError: there is no such drill.
    """
    if parts == [DRILL]:
        part, options = _drill(repo, options)
        parts, deploy = [part], part == DRILL
    reason = host.why_no_containers() if {"node", DRILL}.intersection(parts) else None

    def prepare(part: str) -> dict[str, str]:
        return _prepare(part, lab, repo, require_lab=require_lab, deploy=deploy)

    with _Runs(repo, options, None if RUN_NOTHING.intersection(options) else prepare) as runs:
        later = []
        if "node" in parts and not reason and not (RUN_NOTHING | ONE_BY_ONE).intersection(options):
            later = [part for part in parts if part != "node"]
        outcomes = runs.run([part for part in parts if part not in later], later)
    click.echo()
    for part in parts:
        outcome = outcomes[part]
        note = ", beside the node tests" if part in later else ""
        click.echo(f"{part + ' tests:':15} {outcome.word}, {outcome.seconds:.0f} s{note}")
    if reason:
        click.echo(f"THE NODE TESTS WERE SKIPPED: system containers can't run on this machine: {reason}")
    told = {outcome.word for outcome in outcomes.values()}
    # A part may well have no test that the options select; that none has is a mistake in them.
    return int("FAILED" in told or "passed" not in told)


@dataclass(frozen=True)
class Outcome:
    """What a part came to: a word of OUTCOMES, or FAILED."""

    word: str
    seconds: float


class _Runs:
    """The runs of pytest of one call.

    Args:
        repo: the checkout.
        options: for pytest.
        prepare: makes what a part needs, and returns the variables that tell its tests what they may do; None where
            no test is run.
    """

    def __init__(self, repo: Path, options: list[str], prepare: Callable[[str], dict[str, str]] | None) -> None:
        self._repo, self._options, self._prepare = repo, options, prepare
        self._beside = Beside()
        # A preparation waits more than it works, for boxes above all: tests run meanwhile. Two would wait for one lock.
        self._preparing = ThreadPoolExecutor(max_workers=1)
        self._running = ThreadPoolExecutor(max_workers=1)
        self._prepared: dict[str, Future[dict[str, str]]] = {}

    def __enter__(self) -> "_Runs":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # interrupted: nothing goes on, or is waited for
            self._beside.end()
            process.end_all()
        for pool in (self._preparing, self._running):
            pool.shutdown(wait=kind is None, cancel_futures=True)

    def run(self, parts: list[str], beside: list[str]) -> dict[str, Outcome]:
        """Run parts one after the other, and others in this way beside the node tests; return what each came to."""
        if self._prepare:
            for part in (*beside, *parts):
                if part != "unit":
                    self._prepared[part] = self._preparing.submit(self._prepare, part)
        later: dict[str, Future[Outcome]] = {}
        outcomes = {}
        for part in parts:
            if part == "node":
                later = {other: self._running.submit(self._run, other, beside=True) for other in beside}
            outcomes[part] = self._run(part)
        return {**outcomes, **{part: outcome.result() for part, outcome in later.items()}}

    def _run(self, part: str, *, beside: bool = False) -> Outcome:
        start = time.monotonic()
        try:
            allowed = self._prepared[part].result() if part in self._prepared else {}
            command, environment = _pytest(self._repo, part, self._options, allowed)
            if beside:
                status = self._beside.run(f"{part} tests", command, self._repo, environment)
            else:
                sys.stdout.flush()
                status = subprocess.run(command, cwd=self._repo, env=environment, check=False).returncode
            word = OUTCOMES.get(status, "FAILED")
        except FleetError as error:
            click.echo(f"fleet: {error}", err=True)
            word = "FAILED"
        return Outcome(word, time.monotonic() - start)


def drills(repo: Path) -> dict[str, str]:
    """Return the names of all drills, file by file, and the part that each is run as."""
    found: dict[str, str] = {}
    for part, folder in ((DRILL, "node"), ("system", "system"), ("catalog", "catalog")):
        for file in sorted((repo / "tests" / folder).rglob("test_*.py")):
            found |= dict.fromkeys(_DRILL.findall(file.read_text(encoding="utf-8")), part)
    return found


def _drill(repo: Path, options: list[str]) -> tuple[str, list[str]]:
    """Return the part that the drill which the first option names is run as, and pytest's options for it.

    Raises:
        FleetError: there is none of that name.
    """
    parts = drills(repo)
    if not options or options[0] not in parts:
        raise FleetError(f"name a drill, one of: {', '.join(parts)}")
    return parts[options[0]], ["-m", DRILL, "-k", f"test_{options[0]}", "-s", *options[1:]]


def _prepare(part: str, lab: Lab, repo: Path, *, require_lab: bool, deploy: bool) -> dict[str, str]:
    """Make what a part needs; return the variables that tell its tests what they may do."""
    if part in IN_DEBIAN_13:
        if part == "system":
            _require_root()
            # Some of these tests are an ordinary user of this machine, or run what nodes do with their Ruby.
            host.ensure_packages(tuple(sorted({*ability.PROGRAMS.values(), *ability.USERS_PROGRAMS.values(), "ruby"})))
        with host.lock(), steps.heartbeat():
            if part == "system":
                rootfs.ensure_layer("toolbox")
            images.ensure("toolbox")
            forge.ensure()
    if part in ("node", DRILL):
        reason = host.why_no_containers()
        if reason and require_lab:
            raise FleetError(f"the node tests are required, and system containers can't run here: {reason}")
        if not reason:
            return _prepare_lab(lab, repo, deploy=deploy)
    return {}


def _require_root() -> None:
    try:
        host.require_debian_root()
    except FleetError as error:
        raise FleetError(
            f"the system tests change root file systems of Debian 13: {error}; `fleet test unit` and"
            " `fleet test catalog` need no root"
        ) from None


def _prepare_lab(lab: Lab, repo: Path, *, deploy: bool) -> dict[str, str]:
    if deploy:
        commit = clones.head(repo)
        if not laboratory.stands(lab, repo):
            laboratory.up(lab, repo)
        return {DEPLOYED: commit}
    if not laboratory.exists(lab):
        laboratory.up(lab, repo)
    elif missing := laboratory.missing(lab):
        raise FleetError(f"{', '.join(missing)}: `fleet lab up` mends the lab, and deploys what is checked out")
    _say_what_is_deployed(lab, repo)
    return {}


def _say_what_is_deployed(lab: Lab, repo: Path) -> None:
    """Say it in one line, unless it is what is checked out.

    Raises:
        FleetError: nothing is.
    """
    deployed, head = laboratory.deployed_from(lab), clones.head(repo)
    if not deployed:
        raise FleetError("nothing is deployed: `fleet test node --deploy` or `fleet deploy` deploys HEAD")
    if deployed != head:
        steps.say(
            f"note: commit {deployed[:10]} is deployed and tested, not HEAD ({head[:10]}), which"
            " `fleet test node --deploy` or `fleet deploy` deploys"
        )


def _pytest(repo: Path, part: str, options: list[str], allowed: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the command line that runs a part, and the variables for it."""
    folder = "tests/node" if part == DRILL else f"tests/{part}"
    named = any(option.startswith(f"{folder}/") for option in options)
    together = part in ON_ALL_PROCESSORS and not named and not (RUN_NOTHING | ONE_BY_ONE).intersection(options)
    # Those of a file share what is dear to make; files of few tests are not the quick ones, so these don't come last.
    at_once = ["--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder"] if together else []
    command = [sys.executable, "-m", "pytest", *([] if named else [folder]), *at_once, *options]
    inherited = {name: value for name, value in os.environ.items() if name != DEPLOYED}
    return command, {**inherited, "PYTHONPATH": str(repo / "scripts"), **allowed}
