"""Where other people's modules are: in the repository, or on this machine, from the Forge mirror or another source."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.machine import paths, process
from fleet_cli.machine.cache import Directories
from fleet_cli.planning.fetching import FetchError
from fleet_cli.planning.modules import Source, fetched
from fleet_cli.roots import forge
from fleet_cli.validation import puppetfile as puppetfiles
from fleet_cli.validation.puppetfile import Module, Puppetfile

UNPACKED = paths.CACHE / "validate/modules"
LIMIT = 100


@dataclass(frozen=True)
class Vendored:
    """The modules that are at hand.

    Attributes:
        directories: where each is, by the name of its directory in the moduledir.
        missing: those of the Puppetfile that are nowhere in the version that is pinned: nothing is known of them.
        versions: the version of each that is at hand, needed or not, by slug.
        notes: why some are missing.
    """

    directories: Mapping[str, Path]
    missing: tuple[Module, ...]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def find(repo: Path, puppetfile: Puppetfile, source: Source | None = None) -> Vendored:
    """Find the modules of a Puppetfile: in the repository, else from a source or, without one, from the Forge mirror.

    Raises:
        FleetError: there is no Forge mirror yet, and it could not be made; or the source has nothing to fetch with.
    """
    at_hand = _own(repo / puppetfile.moduledir) if puppetfile.moduledir else {}
    wanted = [module for module in puppetfile.modules if module.name and not module.is_local]
    unfetched = [module for module in wanted if not _is_fetched(repo, puppetfile, module, at_hand)]
    notes: tuple[str, ...] = ()
    elsewhere: Mapping[str, Path] = {}
    if unfetched and source is None:
        for slug, version in _mirrored().items():
            at_hand.setdefault((slug, version), UNPACKED / f"{slug}-{version}")
    elif unfetched and source:
        try:
            elsewhere = _fetched(repo, puppetfile, source)
        except FetchError as error:
            notes = (str(error),)
        at_hand = {**_own_of(elsewhere.values()), **at_hand}
    directories = {
        module.name: repo / puppetfile.moduledir / module.name for module in wanted if module not in unfetched
    }
    missing = []
    for module in unfetched:
        if module.name in elsewhere:
            directories[module.name] = elsewhere[module.name]
            continue
        found = (module.slug, module.pin or "")
        if found not in at_hand or module.is_from_elsewhere:
            missing.append(module)
            continue
        directories[module.name] = at_hand[found]
        if at_hand[found].parent == UNPACKED:
            _unpack(*found)
    return Vendored(directories, tuple(missing), dict(sorted(at_hand)), notes)


def _is_fetched(repo: Path, puppetfile: Puppetfile, module: Module, at_hand: Mapping[tuple[str, str], Path]) -> bool:
    """Whether r10k has put a module into the moduledir, in the version that is pinned if one of the Forge is."""
    if module.pin and not module.is_from_elsewhere:
        return at_hand.get((module.slug, module.pin), UNPACKED).name == module.name
    return (repo / puppetfile.moduledir / module.name).is_dir()


def _own(moduledir: Path) -> dict[tuple[str, str], Path]:
    """What r10k has put into the repository's own moduledir: slug and version, and where."""
    return _own_of(moduledir.glob("*"))


def _own_of(directories: Iterable[Path]) -> dict[tuple[str, str], Path]:
    found = {}
    for directory in directories:
        try:
            said = json.loads((directory / "metadata.json").read_text(encoding="utf-8"))
            found[(str(said["name"]).replace("/", "-"), str(said["version"]))] = directory
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return found


def _fetched(repo: Path, puppetfile: Puppetfile, source: Source) -> dict[str, Path]:
    """The modules of a source, by the names of their directories."""
    with fetched((repo / puppetfiles.NAME).read_bytes(), source) as modules:
        moduledir = modules.directory / (puppetfile.moduledir or puppetfiles.R10KS_MODULEDIR)
        return {module.name: module for module in sorted(moduledir.glob("*")) if module.is_dir()}


def _mirrored() -> dict[str, str]:
    releases = [path.name for path in (forge.ensure() / "v3/releases").iterdir()]
    # OWNER-NAME-VERSION: neither of the first two has a dash.
    return {"-".join(name.split("-")[:2]): "-".join(name.split("-")[2:]) for name in releases}


def _unpack(slug: str, version: str) -> None:
    archive = forge.ensure() / f"v3/files/{slug}-{version}.tar.gz"

    def fill(new: Path) -> None:
        tar = ["tar", "--extract", "--gzip", "--no-same-owner", "--strip-components=1"]
        process.run([*tar, f"--file={archive}", f"--directory={new}"])

    with Directories(UNPACKED, LIMIT).made(f"{slug}-{version}", archive.name, fill):
        pass
