"""The Puppetfile's modules, laid out as r10k does it on the Puppet server, once for each Puppetfile."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fleet_cli.machine import cache, paths
from fleet_cli.machine.cache import Directories
from fleet_cli.sandbox import running

FETCHED = paths.CACHE / "plan/modules"
LIMIT = 20
INSIDE = "/modules"
"""Where the compiler has FETCHED: beside its environments, as on this machine, for the links in these."""
_INDEX = "files.json"


class Source(Protocol):
    """Where the modules of a Puppetfile come from."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of a plan has to know of them."""

    def recipe(self, puppetfile: str) -> str:
        """What modules are made from; equal recipes give the same ones."""

    def install(self, puppetfile: bytes, directory: Path) -> None:
        """Put the modules into a directory: each in the moduledir that the Puppetfile names.

        Raises:
            FetchError: the Puppetfile names some that can't be had.
            FleetError: none can be had, and what to do.
        """


@dataclass(frozen=True)
class Modules:
    """What r10k has put beside a Puppetfile.

    Attributes:
        name: the directory below FETCHED.
        files: the digest of each file, by its path in the control repository (`vendor/stdlib/…`).
    """

    name: str
    files: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """The directory on this machine that has them."""
        return FETCHED / self.name


@contextmanager
def fetched(puppetfile: bytes, source: Source) -> Iterator[Modules]:
    """The modules of a Puppetfile.

    Raises:
        FleetError: see Source.install.
    """
    name = cache.digest(source.recipe(puppetfile.decode("utf-8", "replace")))[:20]

    def fill(new: Path) -> None:
        source.install(puppetfile, new)
        running.open_to_all(new)
        found = sorted(path for path in new.rglob("*") if path.is_file())
        index = {str(path.relative_to(new)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
        (new / _INDEX).write_text(json.dumps(index), encoding="utf-8")

    with Directories(FETCHED, LIMIT).made(name, name, fill) as directory:
        yield Modules(name, json.loads((directory / _INDEX).read_text(encoding="utf-8")))


def link(found: Modules, environment: Path) -> None:
    """Put the modules where r10k would have in an environment, by links that hold wherever a compiler has both."""
    for directory in sorted({Path(*Path(name).parts[:2]) for name in found.files}):
        place = environment / directory
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            up = Path(*[".."] * (len(directory.parts) + 1))
            place.symlink_to(up / FETCHED.name / found.name / directory)
