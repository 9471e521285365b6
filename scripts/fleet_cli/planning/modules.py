"""The Puppetfile's modules, fetched by r10k as on the Puppet server, once for each Puppetfile."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.machine import cache, paths, steps
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.roots import forge, rootfs

FETCHED = paths.CACHE / "plan/modules"
LIMIT = 20
INSIDE = "/fetched-modules"
"""Where the compiler has FETCHED."""
_INDEX = "files.json"


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
def fetched(puppetfile: bytes, forge_url: str | None = None) -> Iterator[Modules]:
    """The modules of a Puppetfile, from a Forge or, without one, from the mirror of Debian's module packages.

    Raises:
        FleetError: r10k could not fetch them.
    """
    name = cache.digest(puppetfile.decode("utf-8", "replace"), forge_url or "")[:20]

    def fill(new: Path) -> None:
        with steps.step("modules of the Puppetfile, by r10k"):
            _install(new, puppetfile, forge_url)

    with Directories(FETCHED, LIMIT).made(name, name, fill) as directory:
        yield Modules(name, json.loads((directory / _INDEX).read_text(encoding="utf-8")))


def _install(directory: Path, puppetfile: bytes, forge_url: str | None) -> None:
    (directory / "Puppetfile").write_bytes(puppetfile)
    try:
        if forge_url:
            _r10k(directory, forge_url)
        else:
            with forge.serving() as mirror:
                _r10k(directory, mirror)
    except CommandFailedError as error:
        where = forge_url or "the mirror of Debian's module packages (--forge URL names another Forge)"
        raise FleetError(
            f"Puppetfile: r10k could not fetch its modules from {where}:\n{error.output.strip()}"
        ) from None
    (directory / "Puppetfile").unlink()
    (directory / "r10k.yaml").unlink()
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    index = {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    (directory / _INDEX).write_text(json.dumps(index), encoding="utf-8")


def _r10k(directory: Path, forge_url: str) -> None:
    (directory / "r10k.yaml").write_text(f"forge:\n  baseurl: {forge_url}\n", encoding="utf-8")
    command = "cd /repo && r10k puppetfile install --config r10k.yaml --verbose"
    rootfs.run("toolbox", ["sh", "-c", command], binds={directory: "/repo"})


def link(found: Modules, environment: Path) -> None:
    """Put the modules into an environment, where r10k would have put them.

    The links lead to where the compiler has the modules; here they lead nowhere.
    """
    for directory in sorted({Path(*Path(name).parts[:2]) for name in found.files}):
        place = environment / directory
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.symlink_to(Path(INSIDE) / found.name / directory)
