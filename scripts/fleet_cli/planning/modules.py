"""The Puppetfile's modules, fetched by r10k as on the Puppet server, once for each Puppetfile."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.machine import cache, paths, steps, temporary
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.planning import module_sources
from fleet_cli.roots import forge
from fleet_cli.sandbox import archives, running

FETCHED = paths.CACHE / "plan/modules"
LIMIT = 20
INSIDE = "/fetched-modules"
"""Where the compiler has FETCHED."""
_INDEX = "files.json"
_PROGRAM = Path(__file__).with_name("install_modules.py")
_FORGE_SERVER = Path(forge.__file__).with_name("forge_server.py")


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
    where = forge_url or "the mirror of Debian's module packages (--forge URL names another Forge)"
    with temporary.directory() as scratch:
        file = scratch / "Puppetfile"
        file.write_bytes(puppetfile)
        named = module_sources.named(file)
        module_sources.require_fetchable(named)
        fetched = scratch / "forge" if forge_url else forge.ensure()
        if forge_url:
            module_sources.from_forge(named, forge_url, fetched)
        mirrors = module_sources.from_git(named, scratch / "git")
        module_sources.from_web(named, scratch / "tarballs")
        archive = scratch / "modules.tar"
        inside = {url: f"/git/{path.name}" for url, path in mirrors.items()}
        reads = {file: "/Puppetfile", fetched: "/forge", scratch / "git": "/git", scratch / "tarballs": "/tarballs",
                 _PROGRAM: "/fleet/install_modules.py", _FORGE_SERVER: "/fleet/forge_server.py"}  # fmt: skip
        command = ["python3", "/fleet/install_modules.py", *(word for pair in inside.items() for word in pair)]
        try:
            running.run("toolbox", command, reads=reads, archive=archive)
        except CommandFailedError as error:
            raise FleetError(
                f"Puppetfile: r10k could not fetch its modules from {where}:\n{error.output.strip()}"
            ) from None
        archives.unpack(archive, directory)
        running.open_to_all(directory)
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    index = {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    (directory / _INDEX).write_text(json.dumps(index), encoding="utf-8")


def link(found: Modules, environment: Path) -> None:
    """Put the modules into an environment, where r10k would have put them.

    The links lead to where the compiler has the modules; here they lead nowhere.
    """
    for directory in sorted({Path(*Path(name).parts[:2]) for name in found.files}):
        place = environment / directory
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.symlink_to(Path(INSIDE) / found.name / directory)
