"""The Puppetfile's modules, laid out as r10k does it on the Puppet server, once for each Puppetfile."""

import functools
import hashlib
import json
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fleet_cli.machine import cache, paths
from fleet_cli.machine.cache import Cache, Directories
from fleet_cli.sandbox import running

FETCHED = paths.CACHE / "plan/modules"
LIMIT = 20
INSIDE = "/modules"
"""Where the compiler has FETCHED: beside its environments, as on this machine, for the links in these."""
_INDEX = "index.json"
_SHAPE = "2"
"""Another one, whenever what is kept is of another shape."""
_WHOLE: Cache[str] = Cache(paths.CACHE / "plan/whole-modules", 200)
"""The directory in which no module is missing that could be there, by what it is made from."""
_AGAIN_SECONDS = 600
"""What lacks a module is made anew after this long: it may have been a server that was away."""


class Source(Protocol):
    """Where the modules of a Puppetfile come from."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of a plan has to know of them."""

    @property
    def without_puppetfile(self) -> bool:
        """Whether there are modules where there is no Puppetfile, too."""

    @property
    def lasting(self) -> bool:
        """Whether what it lacks for a recipe it will always lack, as no server that is away now does."""

    def recipe(self, puppetfile: str, own: Container[str]) -> str:
        """What modules are made from; equal recipes give the same ones."""

    def install(self, puppetfile: bytes, own: Container[str], directory: Path) -> Mapping[str, str]:
        """Put the modules into a directory: each in the moduledir that the Puppetfile names.

        Args:
            puppetfile: its text.
            own: the directories of the repository: modules that have one of them need not be put there.
            directory: where to.

        Returns the modules that can't be had, by the names that the Puppetfile gives them, and why.

        Raises:
            FetchError: r10k can't install the others.
            FleetError: none can be had, and what to do.
        """


@dataclass(frozen=True)
class Modules:
    """What r10k has put beside a Puppetfile.

    Attributes:
        name: the directory below FETCHED.
        files: the digest of each file, by its path in the control repository (`vendor/stdlib/…`).
        missing: the modules that could not be fetched, by the names that the Puppetfile gives them, and why.
    """

    name: str
    files: Mapping[str, str]
    missing: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """The directory on this machine that has them."""
        return FETCHED / self.name


@contextmanager
def fetched(puppetfile: bytes | None, source: Source, own: Container[str] = ()) -> Iterator[Modules]:
    """The modules of a Puppetfile.

    Args:
        puppetfile: its text, None where there is none.
        source: where they come from.
        own: the directories of the repository: a module that is in it is used as it is.

    Raises:
        FleetError: see Source.install.
    """
    text = puppetfile or b""
    name = cache.digest(_SHAPE, source.recipe(text.decode("utf-8", "replace"), own))[:20]

    def fill(new: Path) -> None:
        missing = source.install(text, own, new)
        running.open_to_all(new)
        found = sorted(path for path in new.rglob("*") if path.is_file())
        files = {str(path.relative_to(new)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
        (new / _INDEX).write_text(json.dumps({"files": files, "missing": dict(missing)}), encoding="utf-8")

    entry = _entry(name)
    with Directories(FETCHED, LIMIT).made(entry, entry, fill) as directory:
        index = json.loads((directory / _INDEX).read_text(encoding="utf-8"))
        if source.lasting or not index["missing"]:
            _WHOLE.put(name, entry)
        files = {path: found for path, found in index["files"].items() if str(Path(*Path(path).parts[:2])) not in own}
        yield Modules(entry, files, index["missing"])


@functools.cache
def _entry(name: str) -> str:
    """The directory for modules: that which has all, else one of these minutes; the same one for the whole call."""
    return _WHOLE.get(name) or f"{name}-{int(time.time()) // _AGAIN_SECONDS}"


def link(found: Modules, environment: Path) -> None:
    """Put the modules where r10k would have in an environment, by links that hold wherever a compiler has both."""
    for directory in sorted({Path(*Path(name).parts[:2]) for name in found.files}):
        place = environment / directory
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            up = Path(*[".."] * (len(directory.parts) + 2))
            place.symlink_to(up / FETCHED.name / found.name / directory)
