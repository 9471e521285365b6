"""Files that another account has written: read, and copied, as root, wherever that account would have them lead.

It may change them meanwhile, and may have put links there to what it can't read itself. So no link is followed, and a
file of somebody else's is refused, which a hard link could be. Rights are not copied, but for that to run a program.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploys.errors import DeployError

LONGEST = 16 * 1024 * 1024
"""What is read whole is no longer, in bytes."""

DEPTH = 100
"""No tree that is copied is deeper."""

REPOSITORY = ".git"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def read_text(directory: Path, name: str, owner: int) -> str:
    """Read a file in a directory.

    Args:
        directory: the account's; its parents are the account's or root's, and not followed if they are links.
        name: of the file.
        owner: the account's number.

    Raises:
        OSError: it is not there.
        DeployError: it is no file of the account's.
    """
    with _opened(directory) as handle, os.fdopen(_open_file(handle, name, owner, directory / name), "rb") as file:
        return file.read(LONGEST).decode("utf-8", errors="replace")


def copy_tree(source: Path, target: Path, owner: int) -> None:
    """Copy a tree, all of it read-only for everybody; without the repositories of git in it.

    Args:
        source: a directory of the account's.
        target: is not there yet; its parent is root's.
        owner: the account's number.

    Raises:
        OSError: it can't be read, or not be written.
        DeployError: something in it is no file, directory or symlink of the account's.
    """
    with _opened(source) as handle:
        _copy(handle, target, owner, source, DEPTH)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    handle = os.open(directory, _DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def _copy(source: int, target: Path, owner: int, named: Path, depth: int) -> None:
    if not depth:
        raise DeployError(f"{named}: so deep a tree is not deployed")
    os.mkdir(target, 0o755)  # noqa: PTH102 - its mode may be less by the umask, and is set below
    into = os.open(target, _DIRECTORY)
    try:
        with os.scandir(source) as entries:
            for entry in entries:
                if entry.name == REPOSITORY:
                    continue
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.name, dir_fd=source), entry.name, dir_fd=into)
                elif entry.is_dir(follow_symlinks=False):
                    below = os.open(entry.name, _DIRECTORY, dir_fd=source)
                    try:
                        _copy(below, target / entry.name, owner, named / entry.name, depth - 1)
                    finally:
                        os.close(below)
                else:
                    _copy_file(source, into, entry.name, owner, named / entry.name)
        os.fchmod(into, 0o555)
    finally:
        os.close(into)


def _copy_file(source: int, into: int, name: str, owner: int, named: Path) -> None:
    with os.fdopen(_open_file(source, name, owner, named), "rb") as file:
        runs = 0o111 if os.fstat(file.fileno()).st_mode & stat.S_IXUSR else 0
        copy = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400, dir_fd=into)
        with os.fdopen(copy, "wb") as written:
            shutil.copyfileobj(file, written)
            os.fchmod(written.fileno(), 0o444 | runs)


def _open_file(directory: int, name: str, owner: int, named: Path) -> int:
    # Not even opened: a device could do something then.
    if stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        handle = os.open(name, _FILE, dir_fd=directory)
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode) and status.st_uid == owner:
            return handle
        os.close(handle)
        if stat.S_ISREG(status.st_mode):
            raise DeployError(f"{named}: is not a file of the account that r10k runs as: remove it, and deploy again")
    raise DeployError(f"{named}: is neither a file nor a directory nor a symlink: nothing has changed")
