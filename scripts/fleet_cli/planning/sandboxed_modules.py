"""Modules that r10k installs in a sandbox, without a network, from what was fetched before."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleet_cli.machine import cache, steps, temporary
from fleet_cli.machine.errors import CommandFailedError
from fleet_cli.planning import module_sources
from fleet_cli.planning.fetching import FetchError
from fleet_cli.roots import forge
from fleet_cli.sandbox import archives, running

_PROGRAM = Path(__file__).with_name("install_modules.py")
_FORGE_SERVER = Path(forge.__file__).with_name("forge_server.py")


@dataclass(frozen=True)
class Sandboxed:
    """See modules.Source.

    Attributes:
        forge_url: a Forge; without one, the mirror of Debian's module packages.
    """

    forge_url: str | None = None
    notes: ClassVar[Sequence[str]] = ()

    def recipe(self, puppetfile: str) -> str:
        """See modules.Source."""
        return cache.digest(puppetfile, self.forge_url or "")

    def install(self, puppetfile: bytes, directory: Path) -> None:
        """See modules.Source."""
        with steps.step("modules of the Puppetfile, by r10k"), temporary.directory() as scratch:
            file = scratch / "Puppetfile"
            file.write_bytes(puppetfile)
            named = module_sources.named(file)
            module_sources.require_fetchable(named)
            fetched = scratch / "forge" if self.forge_url else forge.ensure()
            if self.forge_url:
                module_sources.from_forge(named, self.forge_url, fetched)
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
                where = self.forge_url or "the mirror of Debian's module packages (--forge URL names another Forge)"
                raise FetchError(where, error) from None
            archives.unpack(archive, directory)
