"""Where a state of the control repository is read from: a directory, or a commit of a clone."""

import os
from functools import cached_property
from pathlib import Path
from typing import Protocol

from fleet_cli.repository import clones


class Tree(Protocol):
    """A state of a control repository."""

    def below(self, directory: str) -> list[str]:
        """The files below a directory of it, in order."""

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: there is none, or it can't be read.
        """


class Directory:
    """What is checked out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def below(self, directory: str) -> list[str]:
        """See Tree; links to directories are not followed."""
        found = []
        waiting = [directory]
        while waiting:
            current = waiting.pop()
            try:
                entries = list(os.scandir(self._path / current))
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{current}/{entry.name}")
                elif entry.is_file():
                    found.append(f"{current}/{entry.name}")
        return sorted(found)

    def read(self, path: str) -> bytes:
        """See Tree."""
        return (self._path / path).read_bytes()


class Commit:
    """A commit of a clone."""

    def __init__(self, repo: Path, commit: str) -> None:
        self._repo = repo
        self._commit = commit

    @cached_property
    def _names(self) -> list[str]:
        listing = clones.git(self._repo, "ls-tree", "-r", "-z", "--name-only", "--full-tree", self._commit)
        return sorted(name for name in listing.split("\0") if name)

    def below(self, directory: str) -> list[str]:
        """See Tree."""
        return [name for name in self._names if name.startswith(f"{directory}/")]

    def read(self, path: str) -> bytes:
        """See Tree."""
        if path not in self._names:
            raise FileNotFoundError(2, "no such file", path)
        return clones.git(self._repo, "show", f"{self._commit}:{path}", strip=False).encode()
