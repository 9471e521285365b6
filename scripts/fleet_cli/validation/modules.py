"""Where other people's modules are: in the repository, or unpacked on this machine from the Forge mirror."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.machine import paths, process
from fleet_cli.machine.cache import Directories
from fleet_cli.roots import forge
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
    """

    directories: Mapping[str, Path]
    missing: tuple[Module, ...]
    versions: Mapping[str, str]


def find(repo: Path, puppetfile: Puppetfile) -> Vendored:
    """Find the modules of a Puppetfile, and unpack those of the Forge mirror that are not unpacked yet.

    Raises:
        FleetError: there is no Forge mirror yet, and it could not be made.
    """
    at_hand = _own(repo / puppetfile.moduledir) if puppetfile.moduledir else {}
    wanted = [module for module in puppetfile.modules if module.name and not module.is_local]
    unfetched = [module for module in wanted if not _is_fetched(repo, puppetfile, module, at_hand)]
    if unfetched:
        for slug, version in _mirrored().items():
            at_hand.setdefault((slug, version), UNPACKED / f"{slug}-{version}")
    directories = {
        module.name: repo / puppetfile.moduledir / module.name for module in wanted if module not in unfetched
    }
    missing = []
    for module in unfetched:
        found = (module.slug, module.pin or "")
        if found not in at_hand or module.is_from_elsewhere:
            missing.append(module)
            continue
        directories[module.name] = at_hand[found]
        if at_hand[found].parent == UNPACKED:
            _unpack(*found)
    return Vendored(directories, tuple(missing), dict(sorted(at_hand)))


def _is_fetched(repo: Path, puppetfile: Puppetfile, module: Module, at_hand: Mapping[tuple[str, str], Path]) -> bool:
    """Whether r10k has put a module into the moduledir, in the version that is pinned if one of the Forge is."""
    if module.pin and not module.is_from_elsewhere:
        return at_hand.get((module.slug, module.pin), UNPACKED).name == module.name
    return (repo / puppetfile.moduledir / module.name).is_dir()


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
