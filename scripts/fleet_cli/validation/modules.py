"""Where other people's modules are: in the repository, or on this machine, from the Forge mirror or another source."""

import json
from collections.abc import Mapping
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
        missing: those of the Puppetfile that are nowhere.
        versions: the version of each that is at hand, needed or not, by slug.
        notes: why some are missing.
    """

    directories: Mapping[str, Path]
    missing: tuple[Module, ...]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def find(repo: Path, puppetfile: Puppetfile, source: Source | None = None) -> Vendored:
    """Find the modules of a Puppetfile: in the repository, else from a source or, without one, from the Forge mirror.

    Where the version that is pinned is not at hand, another one of the module stands in, so that a mistake in the
    Puppetfile does not make mistakes of all keys of that module.

    Raises:
        FleetError: there is no Forge mirror yet, and it could not be made; or the source has nothing to fetch with.
    """
    at_hand = _own(repo / puppetfile.moduledir) if puppetfile.moduledir else {}
    wanted = [module for module in puppetfile.modules if module.name]
    notes: tuple[str, ...] = ()
    if any(not _fitting(module, at_hand) for module in wanted):
        if source is None:
            others = {(slug, version): UNPACKED / f"{slug}-{version}" for slug, version in _mirrored().items()}
        else:
            try:
                others = _fetched(repo, puppetfile, source)
            except FetchError as error:
                others, notes = {}, (str(error),)
        at_hand = {**others, **at_hand}
    directories: dict[str, Path] = {}
    missing = []
    for module in wanted:
        found = _fitting(module, at_hand) or _stand_in(module, at_hand)
        if found is None:
            missing.append(module)
            continue
        directories[module.name] = at_hand[found]
        if at_hand[found].parent == UNPACKED:
            _unpack(*found)
    return Vendored(directories, tuple(missing), dict(sorted(at_hand)), notes)


def _own(moduledir: Path) -> dict[tuple[str, str], Path]:
    """What r10k has put into the repository's own moduledir: slug and version, and where."""
    found = {}
    for metadata in moduledir.glob("*/metadata.json"):
        try:
            said = json.loads(metadata.read_text(encoding="utf-8"))
            found[(str(said["name"]).replace("/", "-"), str(said["version"]))] = metadata.parent
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return found


def _fetched(repo: Path, puppetfile: Puppetfile, source: Source) -> dict[tuple[str, str], Path]:
    with fetched((repo / puppetfiles.NAME).read_bytes(), source) as modules:
        return _own(modules.directory / (puppetfile.moduledir or puppetfiles.R10KS_MODULEDIR))


def _mirrored() -> dict[str, str]:
    releases = [path.name for path in (forge.ensure() / "v3/releases").iterdir()]
    # OWNER-NAME-VERSION: neither of the first two has a dash.
    return {"-".join(name.split("-")[:2]): "-".join(name.split("-")[2:]) for name in releases}


def _fitting(module: Module, at_hand: Mapping[tuple[str, str], Path]) -> tuple[str, str] | None:
    if module.pin:
        return (module.slug, module.pin) if (module.slug, module.pin) in at_hand else None
    # One from git: its version is what r10k fetched.
    fits = [key for key, path in at_hand.items() if path.name == module.name and path.parent != UNPACKED]
    return fits[0] if fits else None


def _stand_in(module: Module, at_hand: Mapping[tuple[str, str], Path]) -> tuple[str, str] | None:
    others = [key for key in at_hand if key[0] == module.slug]
    return max(others, default=None)


def _unpack(slug: str, version: str) -> None:
    archive = forge.ensure() / f"v3/files/{slug}-{version}.tar.gz"

    def fill(new: Path) -> None:
        tar = ["tar", "--extract", "--gzip", "--no-same-owner", "--strip-components=1"]
        process.run([*tar, f"--file={archive}", f"--directory={new}"])

    with Directories(UNPACKED, LIMIT).made(f"{slug}-{version}", archive.name, fill):
        pass
