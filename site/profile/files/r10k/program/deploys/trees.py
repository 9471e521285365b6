"""The names that git gives to files and trees, worked out from what is laid out: a commit names its tree by them."""

import hashlib
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

_DIRECTORY, _FILE, _RUNS, _LINK = b"40000", b"100644", b"100755", b"120000"


@dataclass
class Tree:
    """What git would call a directory.

    Attributes:
        name: the name of the tree, 40 hexadecimal digits.
        files: by path, as it can be printed, the mode and the name of each file and symlink in it.
    """

    name: str = ""
    files: dict[str, str] = field(default_factory=dict)


def of_directory(directory: Path, without: Collection[str]) -> Tree:
    """Return what git would call a directory whose files are committed as they are.

    Args:
        directory: where it is; nobody changes it any more.
        without: the paths below it that are left out, with all below them.

    Raises:
        OSError: something can't be read.
    """
    tree = Tree()
    name = _tree(os.fsencode(directory), b"", {os.fsencode(path) for path in without}, tree.files)
    tree.name = (name or hashlib.sha1(b"tree 0\0", usedforsecurity=False).digest()).hex()
    return tree


def _tree(directory: bytes, below: bytes, without: Collection[bytes], files: dict[str, str]) -> bytes | None:
    """Return the name of a tree, None if nothing is in it: git has no empty directories."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            path = below + entry.name
            if path in without:
                continue
            if entry.is_dir(follow_symlinks=False):
                if name := _tree(entry.path, path + b"/", without, files):
                    found.append((entry.name + b"/", _DIRECTORY, entry.name, name))
                continue
            mode, name = _link(entry.path) if entry.is_symlink() else _file(entry.path)
            files[path.decode(errors="backslashreplace")] = f"{mode.decode()} {name.hex()}"
            found.append((entry.name, mode, entry.name, name))
    if not found:
        return None
    text = b"".join(b"%s %s\0%s" % (mode, name, identity) for _, mode, name, identity in sorted(found))
    return hashlib.sha1(b"tree %d\0%s" % (len(text), text), usedforsecurity=False).digest()


def _link(path: bytes) -> tuple[bytes, bytes]:
    target = os.readlink(path)  # noqa: PTH115 - bytes
    return _LINK, hashlib.sha1(b"blob %d\0%s" % (len(target), target), usedforsecurity=False).digest()


def _file(path: bytes) -> tuple[bytes, bytes]:
    with open(path, "rb") as file:  # noqa: PTH123 - its name may be no text
        status = os.fstat(file.fileno())
        digest = hashlib.sha1(b"blob %d\0" % status.st_size, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return _RUNS if status.st_mode & stat.S_IXUSR else _FILE, digest.digest()
