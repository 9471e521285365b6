"""Which packages an apt repository has: its index, which is cached, or a directory of .deb files."""

import bz2
import gzip
import hashlib
import lzma
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypedDict
from urllib.parse import unquote, urlsplit

from fleet_cli.machine import paths, process
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile

FRESH_SECONDS = 600.0
"""For how long an index, or the news that there is none to be had, is not asked for again."""
TIMEOUT_SECONDS = 2.0
_COMPRESSED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    (".xz", lzma.decompress), (".gz", gzip.decompress), (".bz2", bz2.decompress), ("", bytes),
)  # fmt: skip


class Deb(NamedTuple):
    """A package file.

    Attributes:
        filename: where it is below the repository.
        sha256: its digest; empty for one in a directory.
        is_one_way: whether it says that nobody can go back behind it; of one in a directory nobody asks.
    """

    filename: str
    sha256: str
    is_one_way: bool = False


Index = Mapping[str, Mapping[str, Deb]]
"""Package files by the name of the package and its version."""


class Cached(TypedDict):
    """An index as it was last asked for.

    Attributes:
        asked: when, in seconds since the epoch.
        answered: whether there was an answer then; if not, the index is that of an earlier answer.
        index: the index.
    """

    asked: float
    answered: bool
    index: Index


CACHE: Cache[Cached] = Cache(paths.CACHE / "validate/packages", 20)
"""By the digest of the repository's description."""


class MissingError(FleetError):
    """A repository answers, and has no such file."""


@dataclass(frozen=True)
class Repository:
    """An apt repository: a URL or a directory, with suite and component; a directory may hold .deb files alone."""

    base: str
    suite: str = ""
    component: str = ""

    @property
    def directory(self) -> Path | None:
        """Its directory, where it is one."""
        return None if "://" in self.base else Path(self.base)

    def get(self, name: str) -> bytes:
        """Return a file of it.

        Raises:
            FleetError: it does not answer, or has no such file.
        """
        if self.directory:
            try:
                return (self.directory / name).read_bytes()
            except FileNotFoundError:
                raise MissingError(f"{self.base}: there is no {name}") from None
            except OSError as error:
                raise FleetError(f"{self.directory / name}: {error.strerror}") from None
        import requests  # noqa: PLC0415 - takes longer to load than all files of Hiera that changed

        try:
            answer = requests.get(f"{self.base.rstrip('/')}/{name}", timeout=(TIMEOUT_SECONDS, 60))
            answer.raise_for_status()
        except requests.RequestException as error:
            if error.response is not None and error.response.status_code == requests.codes.not_found:
                raise MissingError(f"{self.base}: there is no {name}") from None
            reason = error.response.reason if error.response is not None else type(error).__name__
            raise FleetError(f"{self.base}: {name} can't be had ({reason})") from None
        return answer.content


_SILENT = "{} did not answer a moment ago"


def of_lab(url: str, repo: Path) -> str:
    """The URL with the address of a box of lab.yaml in the place of its name, which only boxes can resolve."""
    try:
        boxes = {box.certname: box.address for box in labfile.load(repo / "lab.yaml").boxes}
    except FleetError:
        return url
    host = urlsplit(url).hostname or ""
    return url.replace(host, boxes[host], 1) if host in boxes else url


def require_answer(repository: Repository, *, retry_now: bool) -> None:
    """Refuse to go on where `load` would, whatever is wanted: it saves to work out what that is.

    Raises:
        FleetError: the repository did not answer a moment ago, and nothing is known of it.
    """
    known = CACHE.get(_name_in_cache(repository))
    if known and not known["answered"] and not known["index"] and _is_fresh(known) and not retry_now:
        raise FleetError(_SILENT.format(repository.base))


def load(repository: Repository, wanted: set[tuple[str, str]], *, retry_now: bool) -> Index:
    """Return what a repository has.

    Args:
        repository: where to look.
        wanted: packages and versions; a cached index that has all of them will do for a while.
        retry_now: ask, even if it did not answer a moment ago.

    Raises:
        FleetError: it does not answer, and the cache lacks some that is wanted.
    """
    if repository.directory and not (repository.directory / "dists").is_dir():
        return _directory(repository.directory, wanted)
    name_in_cache = _name_in_cache(repository)
    known = CACHE.get(name_in_cache) or Cached(asked=0, answered=False, index={})
    index = known["index"]
    fresh = _is_fresh(known) and not retry_now
    complete = all(version in index.get(name, {}) for name, version in wanted)
    if fresh and complete:
        return index
    problem = FleetError(_SILENT.format(repository.base))
    # What it did not have a moment ago may have been published since.
    if not fresh or known["answered"]:
        try:
            index, answered = _fetch(repository), True
        except FleetError as error:
            problem, answered = error, False
        CACHE.put(name_in_cache, Cached(asked=time.time(), answered=answered, index=index))
        if answered:
            return index
    if complete and wanted:
        return index
    raise problem


def _name_in_cache(repository: Repository) -> str:
    # An index that was kept before something more was read of packages would not have it.
    return hashlib.sha256(repr((repository, Deb._fields)).encode()).hexdigest()[:32]


def _is_fresh(known: Cached) -> bool:
    return 0 <= time.time() - known["asked"] < FRESH_SECONDS


def _fetch(repository: Repository) -> Index:
    where = f"dists/{repository.suite}/{repository.component}/binary-{architecture()}/Packages"
    problem = FleetError("")
    for suffix, unpack in _COMPRESSED:
        try:
            return _parse(unpack(repository.get(where + suffix)).decode("utf-8", "replace"))
        except MissingError as error:
            problem = error
        except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
            problem = FleetError(f"{repository.base}: {where}{suffix} is damaged ({error})")
    raise problem


def architecture() -> str:
    """The Debian architecture of this machine."""
    return process.run(["dpkg", "--print-architecture"]).stdout.strip()


def _parse(text: str) -> Index:
    index: dict[str, dict[str, Deb]] = {}
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Filename|SHA256|One-Way): *(.*)$", paragraph, re.MULTILINE))
        if {"Package", "Version", "Filename", "SHA256"} <= fields.keys():
            # Whatever else somebody has written there, such as `true`: it was not written for nothing.
            is_one_way = fields.get("One-Way", "no").strip().lower() not in ("no", "")
            deb = Deb(fields["Filename"], fields["SHA256"], is_one_way)
            index.setdefault(fields["Package"], {})[fields["Version"]] = deb
    return index


def _directory(directory: Path, wanted: set[tuple[str, str]]) -> Index:
    """The .deb files below a directory, by their names: NAME_VERSION_ARCHITECTURE.deb.

    The epoch of a version is not in that name: where one is wanted, the package itself is asked.
    """
    if not directory.is_dir():
        raise FleetError(f"{directory}: no such directory: --packages takes one of .deb files, or an apt repository")
    index: dict[str, dict[str, Deb]] = {}
    for file in sorted(directory.rglob("*_*_*.deb")):
        name, version, _ = file.name.split("_", 2)
        index.setdefault(name, {})[unquote(version)] = Deb(str(file.relative_to(directory)), "")
    for name, version in wanted:
        versions = index.get(name, {})
        built_as = version.rpartition(":")[2]
        if version not in versions and built_as in versions:
            file = directory / versions[built_as].filename
            asked = process.run(["dpkg-deb", "--field", file, "Version"], check=False)
            if asked.stdout.strip() == version:
                versions[version] = versions.pop(built_as)
    return index
