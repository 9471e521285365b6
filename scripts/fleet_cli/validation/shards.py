"""What was read of the files of one directory, cached: all of them, and beside it what changed since."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fleet_cli.machine.cache import Cache

Entry = TypeVar("Entry")
MAX_NEWER = 200
"""With more changed files than this, all entries are written again: that takes as long as reading the changed ones."""
MIN_FILES = 50
"""Below this many files, reading them again is faster than loading the cache."""


@dataclass
class Shard(Generic[Entry]):
    """The entries of a directory, each of a file by its name.

    Attributes:
        cache: where they are between two calls.
        name: the name of all of them there; what changed since has the suffix `.newer`.
        version: of the program: entries of another version are of no use.
        entries: what is known.
    """

    cache: "Cache[tuple[str, dict[str, Entry]]]"
    name: str
    version: str
    entries: dict[str, Entry] = field(default_factory=dict)
    _newer: dict[str, Entry] = field(default_factory=dict)
    _has_all: bool = False
    _changed: bool = False

    def load(self) -> None:
        """Read the cached entries."""
        self.entries = self._load(self.name)
        self._has_all = bool(self.entries)
        self._newer = self._load(f"{self.name}.newer")
        self.entries.update(self._newer)

    def _load(self, name: str) -> dict[str, Entry]:
        version, entries = self.cache.get(name) or ("", {})
        return entries if version == self.version else {}

    def put(self, name: str, entry: Entry) -> None:
        """Note an entry that is new or has changed."""
        self.entries[name] = self._newer[name] = entry
        self._changed = True

    def save(self, names: set[str]) -> None:
        """Write what changed; when that is much, all entries but those of files that are not among the names."""
        if not self._changed:
            return
        if self._has_all and len(self._newer) <= MAX_NEWER:
            self.cache.put(f"{self.name}.newer", (self.version, self._newer))
            return
        self.cache.put(f"{self.name}.newer", (self.version, {}))
        entries = {name: entry for name, entry in self.entries.items() if name in names}
        self.cache.put(self.name, (self.version, entries))
