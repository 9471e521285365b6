"""All tests, part by part, each by one run of pytest."""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import click

from fleet_cli.lab import laboratory
from fleet_cli.machine import host, steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import clones
from fleet_cli.repository.labfile import Lab
from fleet_cli.roots import forge, rootfs

PARTS = ("unit", "catalog", "node")
DRILL = "drill"
"""Long trials on the boxes, among the node tests: run by their names only."""

_DRILL = re.compile(r"^@pytest\.mark\.drill\n(?:@.*\n)*def test_(\w+)\(", re.MULTILINE)
OUTCOMES = {0: "passed", 5: "none selected"}
"""pytest's exit statuses; with any other one the part failed."""

RUN_NOTHING = {
    "--cache-show", "--co", "--collect-only", "--fixtures", "--fixtures-per-test", "--funcargs", "--help", "--markers",
    "--version", "-V", "-h",
}  # fmt: skip
"""pytest's options with which it runs no test, and so needs nothing."""

ON_ALL_PROCESSORS = ("unit", "catalog")
"""The parts whose tests don't meet: those on the boxes do."""

ONE_BY_ONE = {"-n", "--numprocesses", "-s", "--capture=no", "--pdb", "--trace"}
"""pytest's options that want the tests one after the other, or say themselves how many there are at a time."""

DEPLOYED = "FLEET_TEST_DEPLOYED"
"""The variable that lets node tests deploy: the commit of this repository to leave deployed after them."""


def run(
    lab: Lab, repo: Path, parts: list[str], options: list[str], *, require_lab: bool = False, deploy: bool = False
) -> int:
    """Run the parts in order and say at the end what each came to; return the exit status.

    Args:
        options: for pytest.
        require_lab: whether it is a failure that this machine can't run boxes.
        deploy: whether to deploy what is checked out before the node tests, and let these deploy.

    Raises:
        FleetError: there is no such drill.
    """
    if parts == [DRILL]:
        options = _options_of_drill(repo, options)
        deploy = True
    outcomes: list[tuple[str, str, float]] = []
    with ThreadPoolExecutor(max_workers=1) as beside:
        ahead: Future[dict[str, str]] | None = None
        for part in parts:
            start = time.monotonic()
            try:
                allowed = {}
                if ahead:  # what the parts before the boxes need is there already
                    allowed = ahead.result() if part == "node" else {}
                elif not RUN_NOTHING.intersection(options):
                    allowed = _prepare(part, lab, repo, require_lab=require_lab, deploy=deploy)
                    if deploy and "node" in parts[parts.index(part) + 1 :]:
                        # It waits more than it works: the other tests run meanwhile.
                        ahead = beside.submit(_prepare, "node", lab, repo, require_lab=require_lab, deploy=deploy)
                status = _pytest(repo, part, options, allowed)
                outcome = OUTCOMES.get(status, "FAILED")
            except FleetError as error:
                click.echo(f"fleet: {error}", err=True)
                outcome = "FAILED"
            outcomes.append((part, outcome, time.monotonic() - start))
    click.echo()
    for part, outcome, took in outcomes:
        click.echo(f"{part + ' tests:':15} {outcome}, {took:.0f} s")
    reason = host.why_no_containers() if {"node", DRILL}.intersection(parts) else None
    if reason:
        click.echo(f"THE NODE TESTS WERE SKIPPED: system containers can't run on this machine: {reason}")
    told = {outcome for _, outcome, _ in outcomes}
    # A part may well have no test that the options select; that none has is a mistake in them.
    return int("FAILED" in told or "passed" not in told)


def _options_of_drill(repo: Path, options: list[str]) -> list[str]:
    """Return pytest's options for the drill that the first option names.

    Raises:
        FleetError: there is none of that name.
    """
    files = sorted((repo / "tests/node").glob("test_*.py"))
    names = [name for file in files for name in _DRILL.findall(file.read_text(encoding="utf-8"))]
    if not options or options[0] not in names:
        raise FleetError(f"name a drill, one of: {', '.join(names)}")
    return ["-m", DRILL, "-k", f"test_{options[0]}", "-s", *options[1:]]


def _prepare(part: str, lab: Lab, repo: Path, *, require_lab: bool, deploy: bool) -> dict[str, str]:
    """Make what a part needs; return the variables that tell its tests what they may do."""
    if part in ("unit", "catalog"):
        host.require_debian_root()
        with host.lock(), steps.heartbeat():
            rootfs.ensure_layer("toolbox")
            forge.ensure()
    if part in ("node", DRILL):
        reason = host.why_no_containers()
        if reason and require_lab:
            raise FleetError(f"the node tests are required, and system containers can't run here: {reason}")
        if not reason:
            return _prepare_lab(lab, repo, deploy=deploy)
    return {}


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


def _pytest(repo: Path, part: str, options: list[str], allowed: dict[str, str]) -> int:
    sys.stdout.flush()
    folder = "tests/node" if part == DRILL else f"tests/{part}"
    named = any(option.startswith(f"{folder}/") for option in options)
    together = part in ON_ALL_PROCESSORS and not named and not (RUN_NOTHING | ONE_BY_ONE).intersection(options)
    # Those of a file share what is dear to make; files of few tests are not the quick ones, so these don't come last.
    at_once = ["--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder"] if together else []
    command = [sys.executable, "-m", "pytest", *([] if named else [folder]), *at_once, *options]
    inherited = {name: value for name, value in os.environ.items() if name != DEPLOYED}
    environment = {**inherited, "PYTHONPATH": str(repo / "scripts"), **allowed}
    return subprocess.run(command, cwd=repo, env=environment, check=False).returncode
