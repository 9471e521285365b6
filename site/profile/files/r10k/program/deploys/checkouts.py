"""r10k, and the working copies that it makes: one for each branch, beside what is served.

r10k runs as an account of its own, and the working copies are that account's: see deploys.account.

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

from deploys import files, foreign
from deploys.account import Account, show
from deploys.commits import WorkingCopy
from deploys.errors import DeployError
from deploys.layout import Layout

NAME = re.compile(r"\w+", re.ASCII)
"""Of a working copy, or of a module: it is part of a path."""

WHOLE = re.compile(r"[0-9a-f]{40}")
"""A commit, as r10k says which one it has deployed."""

COMMIT = re.compile(r"[0-9a-f]{7,40}")
RELEASE = re.compile(r"\d+\.\d+\.\d+")
"""How a version of a module on a Forge begins."""

INFO = ".r10k-deploy.json"
"""What r10k says of a working copy, in it."""

LOCKED = "DEPLOY_ENVIRONMENT_LOCKED"
"""In the environment of an r10k whose caller holds the lock: the file to which its postrun hands what was deployed."""


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Hold the lock of r10k's working copies, waiting for a deploy that is under way.

    Meanwhile nothing else runs as the account: no r10k whose caller was killed, and nothing that code of a branch has
    left behind. It never holds the lock itself.
    """
    account = Account.of(layout)
    layout.state.mkdir(parents=True, exist_ok=True)
    with files.lock(layout.state / "r10k.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another deploy is under way: waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        account.end_processes()
        try:
            yield
        finally:
            account.end_processes()


@dataclass(frozen=True)
class Finished:
    """What an r10k that came to its end has left.

    Attributes:
        status: its exit status.
        output: the end of what it has printed.
        checkouts: the names of the working copies that it was to update.
    """

    status: int
    output: str
    checkouts: list[str]


def run(layout: Layout, arguments: Sequence[str], *, apart: bool = False) -> Finished:
    """Run r10k under the lock, in clean surroundings; show what it prints.

    Args:
        layout: where things are.
        arguments: those of r10k.
        apart: whether its errors are shown as errors.

    Raises:
        DeployError: r10k is not there, or was killed.
    """
    account = Account.of(layout)
    _clear_up(layout)
    for place in (layout.checkouts, layout.r10k_cache):
        account.own(place)
    files.replace(layout.running, "")
    began = layout.running.stat().st_mtime
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as handed:
        os.fchown(handed.fileno(), account.uid, account.gid)
        process = account.start(
            [str(layout.r10k), *arguments],
            env={**_git_in_the_foreground(), LOCKED: handed.name},
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
        )
        status, output = show(process)
        if status < 0:
            raise DeployError(f"r10k was ended by signal {-status}: nothing has changed; deploy again")
        names = [name for name in handed.read(foreign.LONGEST).split() if NAME.fullmatch(name)]
        if status != 0 and names:
            files.replace(layout.running, "\n".join(names))
        else:
            # In a power failure the mark could go first, and what it is about be lost.
            files.sync_tree(layout.checkouts)
            layout.running.unlink()
        return Finished(status, output, _written_since(layout, names, began))


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


def _written_since(layout: Layout, names: Sequence[str], began: float) -> list[str]:
    """Return those working copies of which r10k has said something since then: one that fails early says nothing."""
    said = {name: layout.checkouts / name / ".r10k-deploy.json" for name in names}
    return [name for name, info in said.items() if info.is_file() and info.stat().st_mtime >= began]


def _git_in_the_foreground() -> dict[str, str]:
    """Have git do its own tidying before it ends: in the background it would be killed with the end of the deploy."""
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


def of_branch(layout: Layout, branch: str) -> Deployed:
    """Return what r10k has deployed of a branch.

    Raises:
        DeployError: it failed for the branch or one of its modules, or has not come to its end.
    """
    account, checkout = Account.of(layout), layout.checkouts / branch
    try:
        found = _said(foreign.read_text(checkout, INFO, account.uid))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _not_deployed(branch) from error
    head = WorkingCopy(checkout, account).head()
    # What r10k could not even begin with has the file of the deploy before.
    if not found.done or found.commit != head or not WHOLE.fullmatch(head):
        raise DeployError(f"{branch}: r10k failed at commit {head[:10]}: see its messages")
    return found


def deployed(environment: Path) -> Deployed:
    """Read what r10k has said of an environment, or of one that is being made.

    Raises:
        DeployError: it says nothing that can be read.
    """
    try:
        return _said((environment / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _not_deployed(environment.name) from error


def require_modules(environment: Path, branch: str) -> None:
    """Require that modules are those that the Puppetfile wants, as far as that can be told.

    Args:
        environment: a copy of the branch's working copy.
        branch: its name.

    Raises:
        DeployError: some are not.
    """
    found = deployed(environment)
    old = sorted(
        name for name, (version, sha) in found.modules.items() if not _is_there(environment, name, version, sha)
    )
    if old:
        raise DeployError(
            f"{branch}: r10k was not told to update modules, and {', '.join(old)} is not what the Puppetfile of"
            f" commit {found.commit[:10]} wants: call it with --modules; nothing has changed"
        )


def _said(text: str) -> Deployed:
    info: dict[str, Any] = json.loads(text)
    modules = {str(module["name"]): (module["version"], module["sha"]) for module in info["module_deploys"]}
    return Deployed(str(info["signature"]), info["deploy_success"] is True, modules)


def _not_deployed(name: str) -> DeployError:
    return DeployError(f"{name}: r10k has not deployed it: see its messages")


def _is_there(environment: Path, name: str, version: str | None, sha: str | None) -> bool:
    """Whether a module is there in the version that is wanted, as far as that can be told."""
    wanted = str(version)
    if sha:
        return not COMMIT.fullmatch(wanted) or str(sha).startswith(wanted)
    there = [_version(metadata) for metadata in environment.glob(f"*/{name}/metadata.json") if NAME.fullmatch(name)]
    return not RELEASE.match(wanted) or not there or wanted in there


def _version(metadata: Path) -> str:
    try:
        return str(json.loads(metadata.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
