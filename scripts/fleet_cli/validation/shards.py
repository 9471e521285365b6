"""What was read of the files of one directory, kept between runs: the whole, and beside it what is newer than that."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from fleet_cli.validation import kept_results

Kept = TypeVar("Kept")
MAX_NEWER = 200
"""With more than so many entries that are newer, the whole is written anew: that takes as long as reading it."""
LEAST = 50
"""So few files are sooner read than what is kept of all that are beside them."""


@dataclass
class Shard(Generic[Kept]):
    """The entries of a directory, each of a file by its name.

    Attributes:
        path: where they are kept, without suffix.
        version: of the program: entries of another one are of no use.
        entries: what is known.
    """

    path: Path
    version: str
    entries: dict[str, Kept] = field(default_factory=dict)
    _newer: dict[str, Kept] = field(default_factory=dict)
    _changed: bool = False

    def load(self) -> None:
        """Read what is kept."""
        for suffix in (".pickle", ".newer"):
            version, entries = kept_results.objects(self.path.with_suffix(suffix)) or ("", {})
            if version == self.version:
                self.entries.update(entries)
                self._newer = entries if suffix == ".newer" else {}

    def put(self, name: str, entry: Kept) -> None:
        """Note an entry that is new or has changed."""
        self.entries[name] = self._newer[name] = entry
        self._changed = True

    def save(self, names: set[str]) -> None:
        """Keep the entries, when those that are newer are many without those of files that are not among the names."""
        if not self._changed:
            return
        if len(self._newer) <= MAX_NEWER and self.path.with_suffix(".pickle").exists():
            kept_results.put_objects(self.path.with_suffix(".newer"), (self.version, self._newer))
            return
        self.path.with_suffix(".newer").unlink(missing_ok=True)
        entries = {name: entry for name, entry in self.entries.items() if name in names}
        kept_results.put_objects(self.path.with_suffix(".pickle"), (self.version, entries))
