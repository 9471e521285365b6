"""Modules that r10k installs in a sandbox, without a network, from what was fetched before."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleet_cli.machine import cache, paths, steps, temporary
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import CommandFailedError
from fleet_cli.planning import module_sources
from fleet_cli.planning.fetching import FetchError
from fleet_cli.planning.module_sources import Module
from fleet_cli.roots import forge
from fleet_cli.sandbox import archives, running

_PROGRAM = Path(__file__).with_name("install_modules.py")
_FORGE_SERVER = Path(forge.__file__).with_name("forge_server.py")
_NAMED: Cache[list[Module]] = Cache(paths.CACHE / "plan/puppetfiles", 200)
_SHAPE = "1"
"""Another one, whenever what is kept is of another shape."""


@dataclass(frozen=True)
class Sandboxed:
    """See modules.Source.

    Attributes:
        forge_url: a Forge; without one, the mirror of Debian's module packages.
    """

    forge_url: str | None = None
    notes: ClassVar[Sequence[str]] = ()
    without_puppetfile: ClassVar[bool] = False
    lasting: ClassVar[bool] = False

    def recipe(self, puppetfile: str, own: Container[str]) -> str:
        """See modules.Source."""
        here = (module.name for module in _named(puppetfile.encode()) if _is_own(module, own))
        return cache.digest(puppetfile, self.forge_url or "", *sorted(here))

    def install(self, puppetfile: bytes, own: Container[str], directory: Path) -> Mapping[str, str]:
        """See modules.Source."""
        with steps.step("modules of the Puppetfile, by r10k"), temporary.directory() as scratch:
            file = scratch / "Puppetfile"
            file.write_bytes(puppetfile)
            named = _named(puppetfile)
            here = [module.name for module in named if _is_own(module, own)]
            wanted = [module for module in named if module.name not in here]
            fetched = scratch / "forge" if self.forge_url else forge.ensure()
            not_asked = module_sources.from_forge(wanted, self.forge_url, fetched) if self.forge_url else {}
            where = self.forge_url or "the mirror of Debian's module packages"
            advice = "" if self.forge_url else "; --forge URL or --modules DIR names another place"
            mirrors, not_cloned = module_sources.from_git(wanted, scratch / "git")
            missing = {
                **module_sources.not_in_forge(wanted, fetched, where, advice),
                **not_asked,
                **not_cloned,
                **module_sources.from_web(wanted, scratch / "tarballs"),
                **module_sources.from_subversion(wanted),
            }
            archive = scratch / "modules.tar"
            reads = {file: "/Puppetfile", fetched: "/forge", scratch / "git": "/git", scratch / "tarballs": "/tarballs",
                     _PROGRAM: "/fleet/install_modules.py", _FORGE_SERVER: "/fleet/forge_server.py"}  # fmt: skip
            request = {
                "mirrors": {url: f"/git/{path.name}" for url, path in mirrors.items()},
                "left_out": [*here, *missing],
            }
            command = ["python3", "/fleet/install_modules.py"]
            try:
                running.run("toolbox", command, reads=reads, archive=archive, stdin=json.dumps(request))
            except CommandFailedError as error:
                raise FetchError(where, error) from None
            archives.unpack(archive, directory)
        return missing


def _named(puppetfile: bytes) -> list[Module]:
    """What a Puppetfile names, evaluated once."""
    name = cache.digest(_SHAPE, puppetfile.decode("utf-8", "replace"))
    known = _NAMED.get(name)
    if known is None:
        with temporary.directory() as scratch:
            file = scratch / "Puppetfile"
            file.write_bytes(puppetfile)
            known = module_sources.named(file)
        _NAMED.put(name, known)
    return known


def _is_own(module: Module, own: Container[str]) -> bool:
    return module.directory in own or bool(module.options.get("local"))
