"""fleet-run [--noop]: a run of the Puppet agent, and its report."""

import fcntl
import hashlib
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from operators import arguments as checked
from operators import journal, places, programs

MARK = "----- fleet: last run report -----"
"""Stands between what the agent prints and the run's report."""

LOCK_RETRY_SECONDS = 1
LOCK_LIMIT_SECONDS = 300
"""For how long a run waits for the end of another."""

LOOK_SECONDS = 0.2

OUTCOMES = {0: "unchanged", 2: "changed", 4: "some resources failed", 6: "some resources failed"}
"""`puppet agent --detailed-exitcodes`."""


def main(arguments: Sequence[str]) -> int:
    """Run the agent; print what it prints, the mark, and the report if the run has written one; return its status."""
    options = ["--noop"] if checked.parse(arguments, flags=["--noop"]).flags else []
    file = places.STATE / "last_run_report.yaml"
    with _turn(LOCK_LIMIT_SECONDS) as left:
        before = _digest(file)
        status = programs.follow([
            *_agent(), "--color=false", f"--waitforlock={LOCK_RETRY_SECONDS}", f"--maxwaitforlock={left}", *options,
        ]).returncode  # fmt: skip
    how = OUTCOMES.get(status, f"exit status {status}")
    journal.record("run", " ".join(options), f"{journal.DONE if status in (0, 2) else journal.FAILED}: {how}")
    print(MARK, flush=True)
    if _digest(file) not in (before, ""):
        sys.stdout.buffer.write(file.read_bytes())
    return status


@contextmanager
def _turn(seconds: int) -> Iterator[int]:
    """Wait for the end of other runs, first of those that fleet-run began, in the order in which they came.

    The agent would wait as well. But it asks `ps` about the process that it waits for, and fails where that ends just
    then: seen in one of thirty runs that waited.

    Args:
        seconds: for how long.

    Yields the seconds that are left, for the agent to wait and to say why it did not run; one at least.
    """
    end = time.monotonic() + seconds
    # Whoever may read it could lock it, and hold up all runs.
    with os.fdopen(os.open(places.RUN_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as lock:
        os.fchmod(lock.fileno(), 0o600)
        with suppress(TimeoutError), _limited(seconds):
            fcntl.flock(lock, fcntl.LOCK_EX)
        while _is_at_work() and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        yield max(1, math.ceil(end - time.monotonic()))


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def give_up(*_: object) -> NoReturn:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _is_at_work() -> bool:
    """Whether an agent holds Puppet's lock of its runs. A lock of a process that is gone, Puppet takes."""
    try:
        holder = int((places.STATE / "agent_catalog_run.lock").read_text(encoding="ascii"))
        return b"puppet" in (places.PROCESSES / str(holder) / "cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def _agent() -> list[str]:
    # puppet-run is the same from a process that has loaded Puppet (profile::puppet_agent::preloaded).
    return [str(places.PUPPET_RUN)] if places.PUPPET_RUN.exists() else [str(places.PUPPET), "agent", "--test"]


def _digest(file: Path) -> str:
    """Return a digest of a file, the empty string if there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
