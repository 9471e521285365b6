"""What is kept between two calls, only to save time: values in small files, and directories that take long to make.

    values: Cache[str] = Cache(paths.CACHE / "validate/defaults", limit=20_000)
    modules = Directories(paths.CACHE / "plan/modules", limit=20)

Each kind has a directory of its own, paths.CACHE/ROOM/KIND; a limit; and entries whose names or recipes say what they
depend on, usually by a digest, so that none becomes stale. An entry is whole or absent, whatever interrupts a call.
Several calls may use the same entries at once. When one is added, the least recently used ones beyond the limit go.
All of paths.CACHE may be deleted while no fleet runs.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from fleet_cli.machine import temporary

Value = TypeVar("Value")


@dataclass(frozen=True)
class Cache(Generic[Value]):
    """A directory with a file for each entry. A lost, damaged or foreign entry is as good as none.

    Attributes:
        directory: where the files are; it need not exist.
        limit: the most entries that stay; more are removed when one is put.
    """

    directory: Path
    limit: int

    def get(self, name: str) -> Value | None:
        """Return an entry; None if there is none, or none that this user wrote and that can be read."""
        path = self.directory / name
        try:
            with path.open("rb") as file:
                # Reading a pickle runs what it says: only this user's own files are read.
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    return None
                value: Value = pickle.load(file)  # noqa: S301 - written by this user
        except Exception:  # whatever is wrong with it, the caller makes a new one
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # an entry that is used does not count as old
        return value

    def put(self, name: str, value: Value) -> None:
        """Write an entry. That the disk is full or read-only is no failure: the entry is then absent."""
        content = pickle.dumps(value, protocol=5)
        with contextlib.suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True)
            _write(self.directory / name, content)
            oldest_first = sorted(self.directory.iterdir(), key=lambda entry: entry.stat().st_mtime)
            for entry in oldest_first[: -self.limit]:
                entry.unlink()


@dataclass(frozen=True)
class Directories:
    """A directory with a directory for each entry, made by a function. Unlike a value, an entry is needed.

    Beside each entry NAME are NAME.json, its recipe, written when it is whole, and NAME.lock.

    Attributes:
        directory: where the entries are; it need not exist.
        limit: the most entries that stay, but for those that are in use; None where the names are few and fixed.
    """

    directory: Path
    limit: int | None = None

    @contextmanager
    def made(self, name: str, recipe: str, fill: Callable[[Path], None]) -> Iterator[Path]:
        """The entry, made unless it is there; no call removes or replaces it until the block is left.

        Args:
            name: of the entry.
            recipe: what it is made from; an entry that was made from anything else is replaced.
            fill: given an empty directory, puts the content in.

        Raises:
            OSError: the disk is full or can't be written to.
        """
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = False
        while True:
            with _locked(path, fcntl.LOCK_SH):
                if recipe_of(path) == recipe:
                    with contextlib.suppress(OSError):
                        os.utime(_stamp(path))  # an entry that is used does not count as old
                    if new:
                        self._remove_oldest()
                    yield path
                    return
            with _locked(path, fcntl.LOCK_EX):
                if recipe_of(path) != recipe:
                    self.remove(path)
                    self.make(path, fill)
                    _write(_stamp(path), json.dumps({"made_from": recipe}).encode())
                    new = True

    def make(self, path: Path, fill: Callable[[Path], None]) -> None:
        """Fill a directory elsewhere, and put it in place at once; its recipe comes last."""
        with temporary.directory() as work:
            new = work / "new"
            new.mkdir()
            fill(new)
            new.rename(path)

    def forget(self, name: str) -> None:
        """Remove an entry that nobody uses, or when nobody uses it any more; no failure if there is none."""
        path = self.directory / name
        if path.exists():
            with _locked(path, fcntl.LOCK_EX):
                self.remove(path)

    def remove(self, path: Path) -> None:
        """Remove a directory, and first of all what says that it is whole."""
        _stamp(path).unlink(missing_ok=True)
        if path.exists():
            shutil.rmtree(path)

    def _remove_oldest(self) -> None:
        if self.limit is None:
            return
        entries = [path for path in self.directory.iterdir() if path.is_dir()]
        for path in sorted(entries, key=_last_use, reverse=True)[self.limit :]:
            with contextlib.suppress(BlockingIOError), _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                self.remove(path)
                _lock_file(path).unlink(missing_ok=True)


def recipe_of(path: Path) -> str:
    """Return the recipe that an entry of Directories was made from; empty for none, or half of one."""
    try:
        return str(json.loads(_stamp(path).read_text(encoding="utf-8"))["made_from"]) if path.is_dir() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def digest(*parts: str) -> str:
    """Return the short form of a recipe: two lists of parts have the same one only if they are the same."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file that is seen whole or not at all; nothing of it stays where that fails."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        new = Path(file.name)
        try:
            file.write(content)
            file.flush()
            new.rename(path)
        except BaseException:
            new.unlink()
            raise


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _last_use(path: Path) -> float:
    try:
        return _stamp(path).stat().st_mtime
    except FileNotFoundError:
        return 0.0  # not whole: the first to go


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """Hold the lock beside a directory; not one that was removed while this waited for it.

    Raises:
        BlockingIOError: `how` has LOCK_NB, and somebody else holds it.
    """
    while True:
        lock = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, how)
            if _is_there(_lock_file(path), lock):
                yield
                return
        finally:
            os.close(lock)


def _is_there(file: Path, opened: int) -> bool:
    try:
        return file.stat().st_ino == os.fstat(opened).st_ino
    except FileNotFoundError:
        return False
