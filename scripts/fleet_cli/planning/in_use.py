"""Directories that several fleets share on this machine: none is taken away while another one reads it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_cli.machine import kept


@contextmanager
def made(directory: Path, recipe: str, fill: Callable[[Path], None]) -> Iterator[None]:
    """The directory, made if it is not there (see kept.make), and left alone until the block is left."""
    while True:
        lock = _locked(directory, fcntl.LOCK_SH)
        try:
            if kept.made_from(directory) == recipe:
                directory.with_name(f"{directory.name}.json").touch()
                yield
                return
        finally:
            os.close(lock)
        lock = _locked(directory, fcntl.LOCK_EX)
        try:
            if kept.made_from(directory) != recipe:
                kept.make(directory, recipe, fill)
        finally:
            os.close(lock)


def forget_all_but(parent: Path, number: int) -> None:
    """Remove directories below `parent` that are in nobody's use, but for those that were used last."""
    stamps = sorted(parent.glob("*.json"), key=lambda stamp: stamp.stat().st_mtime, reverse=True)
    for stamp in stamps[number:]:
        directory = stamp.with_suffix("")
        try:
            lock = _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        try:
            kept.forget(directory)
            _file(directory).unlink(missing_ok=True)
        finally:
            os.close(lock)


def _file(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.lock")


def _locked(directory: Path, how: int) -> int:
    """Lock the file beside a directory; not one that was removed while this waited for it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    while True:
        lock = os.open(_file(directory), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, how)
            if _file(directory).stat().st_ino == os.fstat(lock).st_ino:
                return lock
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
