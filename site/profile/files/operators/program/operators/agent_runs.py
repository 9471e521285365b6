"""fleet-run [--noop]: a run of the Puppet agent, and its report."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from operators import arguments as checked
from operators import journal, places, programs

MARK = "----- fleet: last run report -----"
"""Stands between what the agent prints and the run's report."""

LOCK_RETRY_SECONDS = 1
LOCK_LIMIT_SECONDS = 300
"""For how long a run waits for the end of another."""

OUTCOMES = {0: "unchanged", 2: "changed", 4: "some resources failed", 6: "some resources failed"}
"""`puppet agent --detailed-exitcodes`."""


def main(arguments: Sequence[str]) -> int:
    """Run the agent; print what it prints, the mark, and the report if the run has written one; return its status."""
    options = ["--noop"] if checked.parse(arguments, flags=["--noop"]).flags else []
    file = places.STATE / "last_run_report.yaml"
    before = _digest(file)
    status = programs.follow([
        *_agent(), "--color=false", f"--waitforlock={LOCK_RETRY_SECONDS}", f"--maxwaitforlock={LOCK_LIMIT_SECONDS}",
        *options,
    ]).returncode  # fmt: skip
    how = OUTCOMES.get(status, f"exit status {status}")
    journal.record("run", " ".join(options), f"{journal.DONE if status in (0, 2) else journal.FAILED}: {how}")
    print(MARK, flush=True)
    if _digest(file) not in (before, ""):
        sys.stdout.buffer.write(file.read_bytes())
    return status


def _agent() -> list[str]:
    # puppet-run is the same from a process that has loaded Puppet (profile::puppet_agent::preloaded).
    return [str(places.PUPPET_RUN)] if places.PUPPET_RUN.exists() else [str(places.PUPPET), "agent", "--test"]


def _digest(file: Path) -> str:
    """Return a digest of a file, the empty string if there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
