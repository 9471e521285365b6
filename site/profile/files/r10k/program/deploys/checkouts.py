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
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploys import files
from deploys.errors import DeployError
from deploys.layout import Layout

COMMIT = re.compile(r"[0-9a-f]{7,40}")
RELEASE = re.compile(r"\d+\.\d+\.\d+")
"""How a version of a module on a Forge begins."""

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
    _clear_up(layout)
    layout.checkouts.mkdir(parents=True, exist_ok=True)
    files.replace(layout.running, "")
    began = layout.running.stat().st_mtime
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as handed:
        output: list[str] = []
        try:
            process = subprocess.Popen(
                [str(layout.r10k), *arguments],
                env={**os.environ, **_git_in_the_foreground(), LOCKED: handed.name},
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
        names = handed.read().split()
        if status != 0 and names:
            files.replace(layout.running, "\n".join(names))
        else:
            # In a power failure the mark could go first, and what it is about be lost.
            files.sync_tree(layout.checkouts)
            layout.running.unlink()
        return Finished(status, "".join(output), written_since(layout, names, began))


def _clear_up(layout: Layout) -> None:
    """Throw away what an r10k has left that failed, or was killed; of one that failed only what it has touched."""
    try:
        names = layout.running.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return
    if names:
        for name in names:
            files.remove_tree(layout.checkouts / name)
    else:
        print("the last r10k did not come to its end: its working copies are made anew", file=sys.stderr, flush=True)
        files.clear(layout.checkouts)
        files.clear(layout.r10k_cache)


def refuse_leavings(layout: Layout) -> None:
    """As the postrun of an r10k that nobody watches: refuse what it has made of the leavings of another one.

    Raises:
        DeployError: there were such; they are gone now.
    """
    if layout.running.exists():
        _clear_up(layout)
        layout.running.unlink()
        raise DeployError("an r10k before this one failed or was killed: what it has left is gone; run r10k again")


def written_since(layout: Layout, names: Sequence[str], began: float) -> list[str]:
    """Return those working copies of which r10k has said something since then: one that fails early says nothing."""
    said = {name: layout.checkouts / name / ".r10k-deploy.json" for name in names}
    return [name for name, info in said.items() if info.exists() and info.stat().st_mtime >= began]


def parents_start() -> float:
    """Return when the process began that has called this one, in seconds since 1970; 0.0 if that can't be told."""
    try:
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        ticks = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19]
        began = int(boot.split()[1]) + int(ticks) / os.sysconf("SC_CLK_TCK") - 1
    except (OSError, ValueError, StopIteration, IndexError):
        return 0.0
    # Some containers have another time of boot than their processes count from.
    return began if began <= time.time() else 0.0


def _git_in_the_foreground() -> dict[str, str]:
    """Have git do its own tidying before it ends: in the background it would keep the lock."""
    settings = {"gc.autoDetach": "false", "maintenance.autoDetach": "false"}
    numbered = list(enumerate(settings.items()))
    return {
        "GIT_CONFIG_COUNT": str(len(settings)),
        **{f"GIT_CONFIG_KEY_{number}": name for number, (name, _) in numbered},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered},
    }


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


@dataclass(frozen=True)
class Deployed:
    """What r10k says of a working copy.

    Attributes:
        commit: the commit of the control repository.
        done: whether it came to its end without an error.
        modules: by name, the version that the Puppetfile wants, and the commit that is there, if it is from git.
    """

    commit: str
    done: bool
    modules: dict[str, tuple[str | None, str | None]]


def deployed(checkout: Path) -> Deployed:
    """Read what r10k says of a working copy, or has said of one that was sealed.

    Raises:
        DeployError: it says nothing that can be read.
    """
    try:
        info: dict[str, Any] = json.loads((checkout / ".r10k-deploy.json").read_text(encoding="utf-8"))
        modules = {module["name"]: (module["version"], module["sha"]) for module in info["module_deploys"]}
        return Deployed(str(info["signature"]), info["deploy_success"] is True, modules)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{checkout.name}: r10k has not deployed it: see its messages") from error


def deployed_commit(checkout: Path) -> str:
    """Return the commit that r10k has deployed, with all of its modules.

    Raises:
        DeployError: r10k failed for the branch or one of its modules, or has not come to its end.
    """
    found, head = deployed(checkout), _head(checkout)
    # What r10k could not even begin with has the file of the deploy before.
    if not found.done or found.commit != head:
        raise DeployError(f"{checkout.name}: r10k failed at commit {head[:10]}: see its messages")
    old = sorted(name for name, (version, sha) in found.modules.items() if not _is_there(checkout, name, version, sha))
    if old:
        raise DeployError(
            f"{checkout.name}: r10k was not told to update modules, and {', '.join(old)} is not what the Puppetfile of"
            f" commit {head[:10]} wants: call it with --modules; nothing has changed"
        )
    return found.commit


def _is_there(checkout: Path, name: str, version: str | None, sha: str | None) -> bool:
    """Whether a module is there in the version that is wanted, as far as that can be told."""
    wanted = str(version)
    if sha:
        return not COMMIT.fullmatch(wanted) or sha.startswith(wanted)
    there = [_version(metadata) for metadata in checkout.glob(f"*/{name}/metadata.json")]
    return not RELEASE.match(wanted) or not there or wanted in there


def _version(metadata: Path) -> str:
    try:
        return str(json.loads(metadata.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _head(repository: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
