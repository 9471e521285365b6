"""What a tool found in a file, kept for as long as neither the file nor what else goes into it changes."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from fleet_cli.machine import paths
from fleet_cli.machine.cache import Cache
from fleet_cli.repository.finding import Finding

Told = tuple[int, int, str, str]
"""Line, column, code and message of a finding."""
CACHE: Cache[dict[str, tuple[Told, ...]]] = Cache(paths.CACHE / "validate/found", 10)
"""What was found in files, by their digests, for each tool."""
MAX_FILES = 100_000
"""Files of each tool that stay in the cache."""


class Kept:
    """What a tool found in files, clean ones among them."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._known = CACHE.get(tool) or {}
        self._seen: dict[str, tuple[Told, ...]] = {}
        self._is_new = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not self._known

    def get(self, digest: str, name: str) -> list[Finding] | None:
        """What was found in a file; None if it has to be looked at."""
        told = self._known.get(digest)
        if told is None:
            return None
        self._seen[digest] = told
        return [Finding(name, *each) for each in told]

    def add(self, digest: str, found: Iterable[Finding]) -> None:
        """Note what was found in a file."""
        self._seen[digest] = tuple((each.line, each.column, each.code, each.message) for each in found)
        self._is_new = True

    def save(self) -> None:
        """Cache what is known; of what was not asked for only as much as there is room for."""
        if self._is_new:
            rest = [digest for digest in self._known if digest not in self._seen]
            room = max(MAX_FILES - len(self._seen), 0)
            CACHE.put(self._tool, {**{digest: self._known[digest] for digest in rest[:room]}, **self._seen})


def digest(rules: str, name: str, content: bytes) -> str:
    """The digest of all that goes into a check of a file: the tool's rules, the file's path and what is in it."""
    return hashlib.sha256(f"{rules}\0{name}\0".encode() + content).hexdigest()


def digest_of_file(rules: str, path: Path, name: str) -> str:
    """The same for a file that was not read yet."""
    return digest(rules, name, path.read_bytes())
