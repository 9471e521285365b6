"""Directories that take long to make, and are whole or absent: what was interrupted is never taken for finished."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_cli.machine import paths


def make(directory: Path, recipe: str, fill: Callable[[Path], None]) -> None:
    """Fill a new directory and put it in place at once.

    Args:
        directory: where it will stand; what was there is replaced.
        recipe: what it is made from; made_from gives it back.
        fill: given an empty directory, puts the content in.
    """
    forget(directory)
    sweep()
    with scratch() as work:
        new = work / "new"
        new.mkdir()
        fill(new)
        replace(directory, new)
    mark(directory, recipe)


def mark(directory: Path, recipe: str) -> None:
    """Note that a directory is whole, and what it is made from: for one that had to be made in its place."""
    _stamp(directory).write_text(json.dumps({"made_from": recipe}), encoding="utf-8")


def replace(directory: Path, new: Path) -> None:
    """Put a directory in the place of another one, at once as seen by whoever comes next."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    if directory.exists():
        shutil.rmtree(directory)
    new.rename(directory)


def forget(directory: Path) -> None:
    """Remove a directory, and first of all what says that it is whole."""
    _stamp(directory).unlink(missing_ok=True)
    if directory.exists():
        shutil.rmtree(directory)


def _stamp(directory: Path) -> Path:
    return directory.with_name(directory.name + ".json")


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Wait until no other process makes this directory, and keep others waiting until the block is left."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made_from(directory: Path) -> str:
    """Return the recipe of what stands there, the empty string for nothing or half of it."""
    try:
        return str(json.loads(_stamp(directory).read_text(encoding="utf-8"))["made_from"])
    except (FileNotFoundError, ValueError, KeyError):
        return ""


def digest(*parts: str) -> str:
    """Return a recipe's short form: two lists of parts have the same one only if they are the same."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk of the state, named after this process so that sweep knows when it is nobody's."""
    paths.WORK.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=paths.WORK))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def sweep() -> None:
    """Remove what killed runs left in the work directory."""
    for directory in paths.WORK.glob("*-*") if paths.WORK.exists() else ():
        pid = directory.name.partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(directory, ignore_errors=True)
