"""Which files a tool has to check: all but those in which it found nothing before."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from fleet_cli.machine import paths, process
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import FleetError

CACHE: Cache[frozenset[str]] = Cache(paths.CACHE / "validate/clean", 10)
"""The digests of clean files by tool, and by which Puppet where that is the tool."""
MAX_CLEAN = 100_000
"""Files of each tool that stay in the cache."""
_PUPPET = {".pp": "lint", ".epp": "epp", ".erb": "erb"}


class Clean:
    """The digests of files in which a tool found nothing."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._known = CACHE.get(tool) or frozenset()
        self._seen: set[str] = set()

    def __contains__(self, digest: str) -> bool:
        if digest in self._known:
            self._seen.add(digest)
        return digest in self._known

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not self._known

    def add(self, digest: str) -> None:
        """Note a file as clean."""
        self._seen.add(digest)

    def save(self) -> None:
        """Cache what is known; of what was not asked for only as much as there is room for."""
        if self._seen - self._known:
            rest = sorted(self._known - self._seen)[: max(MAX_CLEAN - len(self._seen), 0)]
            CACHE.put(self._tool, frozenset(self._seen).union(rest))


def tracked(repo: Path, moduledir: str) -> list[str]:
    """The files of a checkout, those too that are new, but not other people's modules; all files where it is none."""
    command = ["git", "-C", str(repo), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = [name for name in process.run(command).stdout.split("\0") if name]
    except FleetError:  # no git, or no checkout
        names = [str(path.relative_to(repo)) for path in repo.rglob("*") if path.is_file()]
        names = [name for name in names if not name.startswith(".")]
    return sorted(name for name in set(names) if not name.startswith(moduledir + "/"))


def puppet_files(names: Iterable[str]) -> dict[str, list[str]]:
    """The files that checks/puppet_files.rb checks, by how: lint, epp, erb."""
    result: dict[str, list[str]] = {kind: [] for kind in _PUPPET.values()}
    for name in names:
        if kind := _PUPPET.get(Path(name).suffix):
            result[kind].append(name)
    return result


def changed(repo: Path, files: Mapping[str, list[str]], clean: Clean) -> dict[str, dict[str, str]]:
    """Of files by kind those that are not known as clean, each with its digest."""
    result: dict[str, dict[str, str]] = {}
    for kind, names in files.items():
        digests = {name: _digest(repo / name) for name in names if (repo / name).is_file()}
        result[kind] = {name: digest for name, digest in digests.items() if digest not in clean}
    return result


def _digest(path: Path) -> str:
    return hashlib.sha256(path.suffix.encode() + b"\0" + path.read_bytes()).hexdigest()


def note_clean(asked: Mapping[str, Mapping[str, str]], problems: Iterable[Mapping[str, object]], clean: Clean) -> None:
    """Note as clean those of the files that were asked about in which nothing was found."""
    found = {problem["file"] for problem in problems}
    for files in asked.values():
        for name, digest in files.items():
            if name not in found:
                clean.add(digest)
    clean.save()
