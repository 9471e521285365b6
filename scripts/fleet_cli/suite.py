"""All tests, part by part, each by one run of pytest."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from fleet_cli import forge, host, laboratory, rootfs, steps
from fleet_cli.errors import FleetError
from fleet_cli.labfile import Lab

PARTS = ("unit", "catalog", "node")
OUTCOMES = {0: "passed", 5: "none selected"}
"""pytest's exit statuses; with any other one the part failed."""


def run(lab: Lab, repo: Path, parts: list[str], options: list[str], *, require_lab: bool) -> int:
    """Run the parts in order and say at the end what each came to; return the exit status.

    Raises:
        FleetError: what a part needs could not be made, or the machine can't run boxes and `require_lab` is set.
    """
    outcomes: list[tuple[str, str, float]] = []
    for part in parts:
        start = time.monotonic()
        try:
            _prepare(part, lab, repo, require_lab=require_lab)
            status = _pytest(repo, part, options)
            outcome = OUTCOMES.get(status, "FAILED")
        except FleetError as error:
            click.echo(f"fleet: {error}", err=True)
            outcome = "FAILED"
        outcomes.append((part, outcome, time.monotonic() - start))
    click.echo()
    for part, outcome, took in outcomes:
        click.echo(f"{part + ' tests:':15} {outcome}, {took:.0f} s")
    reason = host.why_no_containers() if "node" in parts else None
    if reason:
        click.echo(f"THE NODE TESTS WERE SKIPPED: system containers can't run on this machine: {reason}")
    told = {outcome for _, outcome, _ in outcomes}
    # A part may well have no test that the options select; that none has is a mistake in them.
    return int("FAILED" in told or "passed" not in told)


def _prepare(part: str, lab: Lab, repo: Path, *, require_lab: bool) -> None:
    if part in ("unit", "catalog"):
        host.require_debian_root()
        with host.lock(), steps.heartbeat():
            rootfs.ensure_layer("toolbox")
            forge.ensure()
    if part == "node":
        reason = host.why_no_containers()
        if reason and require_lab:
            raise FleetError(f"the node tests are required, and system containers can't run here: {reason}")
        if not reason and not laboratory.stands(lab, repo):
            laboratory.up(lab, repo)


def _pytest(repo: Path, part: str, options: list[str]) -> int:
    sys.stdout.flush()
    folder = f"tests/{part}"
    named = any(option.startswith(f"{folder}/") for option in options)
    command = [sys.executable, "-m", "pytest", *([] if named else [folder]), *options]
    environment = {**os.environ, "PYTHONPATH": str(repo / "scripts")}
    return subprocess.run(command, cwd=repo, env=environment, check=False).returncode
