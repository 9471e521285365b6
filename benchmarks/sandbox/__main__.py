"""Measure validate, plan and build of this checkout beside those of another one, by turns. README.md says how."""

import argparse
import os
import pwd
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parents[2]
KINDS = ("validate", "plan", "plan --all", "build")


class Run(NamedTuple):
    """What one run took, in seconds: of the clock, and of all processors for the processes that were waited for."""

    wall: float
    cpu: float


class Side(NamedTuple):
    """A fleet to measure.

    Attributes:
        name: what the table calls it.
        prefix: the command that turns root into whoever runs it.
        checkout: whose fleet it is.
        work: a directory of whoever runs it, with a clone `control` and a service `billing`.
        planned: the two commits that a plan compares.
    """

    name: str
    prefix: Sequence[str]
    checkout: Path
    work: Path
    planned: Sequence[str]

    def run(self, kind: str) -> Run:
        """Run a command of it once.

        Raises:
            SystemExit: it failed.
        """
        plan = ["-C", "control", "plan", *self.planned, "--puppetdb"]
        arguments = {
            "validate": ["-C", "control", "validate"],
            "plan": [*plan, "none"],
            "plan --all": [*plan, "none", "--all"],
            "build": ["build", "billing", "--output", "dist"],
        }[kind]
        fleet = ["env", f"PYTHONPATH={self.checkout}/scripts", sys.executable, "-m", "fleet_cli"]
        start, before = time.monotonic(), _children()
        with tempfile.TemporaryFile("w+") as said:
            command = [*self.prefix, *fleet, *arguments]
            status = subprocess.run(command, cwd=self.work, check=False, stdout=said, stderr=said).returncode
            if status not in (0, 2):
                said.seek(0)
                raise SystemExit(f"{self.name}: {kind} ended with status {status}:\n{said.read()}")
        return Run(time.monotonic() - start, _children() - before)


def _children() -> float:
    now = os.times()
    return now.children_user + now.children_system


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox", description=__doc__)
    parser.add_argument("before", type=Path, help="another checkout of this repository")
    parser.add_argument("user", help="an ordinary user of this machine, who can read this Python's modules")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument(
        "--planned", nargs=2, default=("HEAD~1", "HEAD"), metavar="COMMIT", help="what plans compare (HEAD~1 HEAD)"
    )
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured, after one run that is not")
    options = parser.parse_args()
    home = Path(pwd.getpwnam(options.user).pw_dir)
    as_user = ["runuser", "--user", options.user, "--", "env", f"HOME={home}"]
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory(dir=home) as theirs:
        sides = [
            Side("before, root", [], options.before.resolve(), Path(ours), options.planned),
            Side("now, root", [], REPO, Path(ours), options.planned),
            Side("now, a user", as_user, Path(theirs) / "control", Path(theirs), options.planned),
        ]
        _prepare(Path(ours))
        _prepare(Path(theirs))
        subprocess.run(["chown", "--recursive", f"{options.user}:", theirs], check=True)
        print(f"| what | {' | '.join(side.name for side in sides)} |\n| --- |{' --- |' * len(sides)}")
        for kind in options.kinds:
            print(f"| {kind} | {' | '.join(_measured(sides, kind, options.runs))} |", flush=True)


def _prepare(work: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--no-local", REPO, work / "control"], check=True)
    fleet = [sys.executable, "-m", "fleet_cli", "new", "billing", "--output", str(work)]
    subprocess.run(
        fleet, check=True, env={**os.environ, "PYTHONPATH": str(REPO / "scripts")}, stderr=subprocess.DEVNULL
    )


def _measured(sides: Sequence[Side], kind: str, count: int) -> Iterator[str]:
    for side in sides:
        side.run(kind)
    runs: dict[str, list[Run]] = {side.name: [] for side in sides}
    for _ in range(count):
        for side in sides:
            runs[side.name].append(side.run(kind))
    for found in runs.values():
        wall, cpu = ([getattr(run, part) for run in found] for part in Run._fields)
        median, least, most = statistics.median(wall), min(wall), max(wall)
        yield f"{median:.2f} s ({least:.2f}–{most:.2f}), CPU {statistics.median(cpu):.2f} s"


if __name__ == "__main__":
    main()
