"""The YAML files of a repository, read once: what has not changed since the last time is not read again."""

import gc
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fleet_cli.machine import paths
from fleet_cli.machine.cache import Cache
from fleet_cli.repository import inventory, machines, yaml_reader
from fleet_cli.repository.documents import Document
from fleet_cli.validation.checked import Checked
from fleet_cli.validation.shards import MIN_FILES, Shard

CACHES = paths.CACHE / "validate/files"
"""A cache for each repository is in it."""
MAX_CACHED = 1000
"""Two entries for each directory of the repository that has many files."""
_SETTLED_NANOSECONDS = 2 * 10**9
"""A file that changed so shortly ago may change again within the same tick of its file system's clock."""


class Stat(NamedTuple):
    """What changes, in whichever way a file changes."""

    size: int
    modified: int
    changed: int
    inode: int


@dataclass
class File:
    """A file: what it says, and what a check of it came to for the code and the merges of some digest.

    Attributes:
        stat: None if the file was too new to go by it.
        digest: of its content.
        document: what was read.
        checked, checked_for: the last check, and the digest of what else went into it.
    """

    stat: Stat | None
    digest: str
    document: Document
    checked: Checked | None = None
    checked_for: str = ""


class Files:
    """The files of Hiera of a repository, by path; a context manager, which caches them for the next time."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        directory = CACHES / hashlib.sha256(str(repo).encode()).hexdigest()[:32]
        self._cache: Cache[tuple[str, dict[str, File]]] = Cache(directory, MAX_CACHED)
        self._shards: dict[str, Shard[File]] = {}
        self._now: dict[str, File] = {}

    def __enter__(self) -> "Files":
        gc.disable()  # a hundred thousand small objects that all stay
        return self

    def __exit__(self, *_: object) -> None:
        names = set(self._now)
        for shard in self._shards.values():
            shard.save(names)
        gc.freeze()  # else the next collection would go through all of them
        gc.enable()

    def read(self, names: Iterable[str]) -> None:
        """Read the files of these names that are there."""
        by_directory: dict[str, list[str]] = {}
        for name in names:
            by_directory.setdefault(name.rpartition("/")[0], []).append(name)
        for directory, files in by_directory.items():
            shard = self._shard(directory) if len(files) >= MIN_FILES or not directory else None
            for name in files:
                if (file := self._file(name, shard)) is not None:
                    self._now[name] = file

    def _shard(self, directory: str) -> Shard[File]:
        if directory not in self._shards:
            name = hashlib.sha256(directory.encode()).hexdigest()[:16]
            self._shards[directory] = Shard(self._cache, name, program_version())
            self._shards[directory].load()
        return self._shards[directory]

    def get(self, name: str) -> Document | None:
        """The document of a file; None if it is not there."""
        file = self._now.get(name)
        return file.document if file else None

    def check(
        self, names: Iterable[str], digest: str, check: Callable[[str, Document], Checked]
    ) -> Mapping[str, Checked]:
        """Check files, those anew of which the content or `digest` has changed since the last time."""
        result = {}
        for name in names:
            file = self._now[name]
            if file.checked is None or file.checked_for != digest:
                file.checked, file.checked_for = check(name, file.document), digest
                if shard := self._shards.get(name.rpartition("/")[0]):
                    shard.put(name, file)
            result[name] = file.checked
        return result

    def is_directory(self, name: str) -> bool:
        """Whether a path is that of a directory."""
        return (self.repo / name).is_dir()

    def digest(self, name: str) -> str:
        """The digest of a file's content; empty if it was not read."""
        return self._now[name].digest if name in self._now else ""

    def _file(self, name: str, shard: Shard[File] | None) -> File | None:
        path = self.repo / name
        try:
            said = path.stat()
        except OSError:
            return None
        stat = Stat(said.st_size, said.st_mtime_ns, said.st_ctime_ns, said.st_ino)
        before = shard.entries.get(name) if shard else None
        if before and before.stat == stat:
            return before
        settled = time.time_ns() - max(stat.modified, stat.changed) > _SETTLED_NANOSECONDS
        if stat.size > yaml_reader.MAX_BYTES:
            return File(None, "", yaml_reader.read(path, name))
        try:
            content = path.read_bytes()
        except OSError:
            return File(None, "", yaml_reader.read(path, name))
        digest = hashlib.sha256(content).hexdigest()
        if before and before.digest == digest:
            file = before
            file.stat = stat if settled else None
        else:
            document = yaml_reader.parse(content, name)
            if name == inventory.FILE and not document.findings:
                document.findings.extend(machines.problems(content))
            file = File(stat if settled else None, digest, document)
        if shard:
            shard.put(name, file)
        return file


@cache
def program_version() -> str:
    """The digest of what reads and checks files: what another release of it cached is of no use."""
    whole = hashlib.sha256()
    for package in (Path(__file__).parent, Path(yaml_reader.__file__).parent):
        for file in sorted(package.rglob("*.py")):
            whole.update(file.read_bytes())
    return whole.hexdigest()
