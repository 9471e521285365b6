"""Results of earlier calls, which only save time: a lost, damaged or foreign entry is as good as none."""

import contextlib
import os
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Cache(Generic[Value]):
    """A directory with a file for each entry. Each is whole or absent, and the least recently used ones go.

    The name of an entry says what it depends on, usually by a digest: an entry never becomes stale by itself.

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
            with tempfile.NamedTemporaryFile(dir=self.directory, delete=False) as file:
                file.write(content)
            Path(file.name).rename(self.directory / name)
            oldest_first = sorted(self.directory.iterdir(), key=lambda entry: entry.stat().st_mtime)
            for entry in oldest_first[: -self.limit]:
                entry.unlink()
