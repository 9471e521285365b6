"""Files that are whole at every moment, and trees that can be thrown away."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Put a text in the place of a file in one step that survives a power failure.

    Raises:
        OSError: it can't be written; the file is as it was.
    """
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fchmod(handle.fileno(), mode)
            os.fsync(handle.fileno())
        new.rename(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


@contextmanager
def lock(path: Path) -> Iterator[IO[str]]:
    """A file to lock, which nobody else can: whoever may read one can lock it, and hold up all that wait for it."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+", encoding="utf-8") as handle:
        os.fchmod(handle.fileno(), 0o600)  # of an older version everybody could
        yield handle


def sync_directory(path: Path) -> None:
    """Have the names in a directory written to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """Have the file system that a tree is on written to the disk: one call for thousands of small files."""
    subprocess.run(["sync", "--file-system", str(path)], check=True, stdin=subprocess.DEVNULL)


def remove_tree(path: Path) -> None:
    """Remove a tree, a read-only one too, or nothing if it is not there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def clear(directory: Path) -> None:
    """Remove all that is in a directory; make the directory if it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    for entry in directory.iterdir():
        remove_tree(entry)
