"""r10k, and the working copies that it makes: one for each branch, beside what is served.

r10k changes a working copy in place, and may be killed while it does. So one r10k works at a time, and what a killed
one left is thrown away: r10k looks at nothing but a module's metadata, and would take a half-unpacked one for whole.
"""

import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploys import files
from deploys.errors import DeployError
from deploys.layout import Layout

LOCKED = "DEPLOY_ENVIRONMENT_LOCKED"
"""In the environment of an r10k whose caller holds the lock: the file to which its postrun hands what was deployed."""


@contextmanager
def only_one(layout: Layout) -> Iterator[int]:
    """Hold the lock of r10k's working copies, waiting for a deploy that is under way; yields its descriptor."""
    layout.state.mkdir(parents=True, exist_ok=True)
    with (layout.state / "r10k.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another deploy is under way: waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


@dataclass(frozen=True)
class Finished:
    """What an r10k that came to its end has left.

    Attributes:
        status: its exit status.
        output: what it printed, if that was asked for.
        checkouts: the names of the working copies that it was to update.
    """

    status: int
    output: str
    checkouts: list[str]


def run(layout: Layout, lock: int, arguments: Sequence[str], *, capture: bool) -> Finished:
    """Run r10k under the lock, in clean surroundings; show what it prints.

    Args:
        lock: the descriptor of the lock. r10k holds it too: should this process be killed, the next deploy waits.
        capture: whether the output is needed afterwards; if not, r10k has the caller's terminal.

    Raises:
        DeployError: r10k is not there, or was killed.
    """
    if layout.running.exists():
        print("the last r10k did not come to its end: its working copies are made anew", file=sys.stderr, flush=True)
        files.clear(layout.checkouts)
        files.clear(layout.r10k_cache)
    layout.checkouts.mkdir(parents=True, exist_ok=True)
    _mark(layout.running)
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as handed:
        output: list[str] = []
        try:
            process = subprocess.Popen(
                [str(layout.r10k), *arguments],
                env={**os.environ, LOCKED: handed.name},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if capture else None,
                stderr=subprocess.STDOUT if capture else None,
                pass_fds=[lock],
                text=True,
                errors="replace",
            )
        except FileNotFoundError as error:
            raise DeployError(f"{layout.r10k} is not there: is r10k installed?") from error
        for line in process.stdout or ():
            output.append(line)
            print(line, end="", flush=True)
        status = process.wait()
        if status < 0:
            raise DeployError(f"r10k was ended by signal {-status}: nothing has changed; deploy again")
        layout.running.unlink()
        return Finished(status, "".join(output), handed.read().split())


def name_of(branch: str) -> str:
    """Return the name that r10k gives the working copy of a branch."""
    return re.sub(r"\W", "_", branch)


def hand_over(names: Sequence[str]) -> bool:
    """As r10k's postrun: tell the caller of r10k what was deployed; False if nobody waits for it."""
    place = os.environ.get(LOCKED)
    if place is None:
        return False
    Path(place).write_text("\n".join(names), encoding="utf-8")
    return True


def deployed_commit(checkout: Path) -> str:
    """Return the commit that r10k has deployed, with all of its modules.

    Raises:
        DeployError: r10k failed for the branch or one of its modules, or has not come to its end.
    """
    try:
        info: dict[str, Any] = json.loads((checkout / ".r10k-deploy.json").read_text(encoding="utf-8"))
        commit, done = str(info["signature"]), info["deploy_success"] is True
    except (OSError, ValueError, KeyError) as error:
        raise DeployError(f"{checkout.name}: r10k has not deployed it: see its messages") from error
    head = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    # What r10k could not even begin with has the file of the deploy before.
    if not done or commit != head:
        raise DeployError(f"{checkout.name}: r10k failed at commit {head[:10]}: see its messages")
    return commit


def _mark(path: Path) -> None:
    path.touch()
    files.sync_directory(path.parent)
