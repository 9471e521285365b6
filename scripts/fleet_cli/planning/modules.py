"""The Puppetfile's modules, fetched by r10k as on the Puppet server, once for each Puppetfile."""

import hashlib
import json
import re
from collections.abc import Collection, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fleet_cli.machine import cache, paths, steps, temporary
from fleet_cli.machine.cache import Cache, Directories, recipe_of
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.planning import module_sources
from fleet_cli.planning.module_sources import Module
from fleet_cli.roots import forge
from fleet_cli.sandbox import archives, running

FETCHED = paths.CACHE / "plan/modules"
CACHE: Cache[list[Module]] = Cache(paths.CACHE / "plan/puppetfiles", 200)
"""What Puppetfiles name, by the digest of their text."""
LIMIT = 20
INSIDE = "/fetched-modules"
"""Where the compiler has FETCHED."""
_INDEX = "index.json"
_SHAPE = "2"
"""Another one, whenever what is kept is of another shape."""
_IN_RUBY = re.compile(r"\s*(?:from )?/[^ ]*\.rb:\d+:in ")
_PROGRAM = Path(__file__).with_name("install_modules.py")
_FORGE_SERVER = Path(forge.__file__).with_name("forge_server.py")


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
def fetched(puppetfile: bytes, forge_url: str | None, own: Container[str]) -> Iterator[Modules]:
    """The modules of a Puppetfile, from a Forge or, without one, from the mirror of Debian's module packages.

    Args:
        puppetfile: its text.
        forge_url: the Forge.
        own: the directories of the repository: a module that is in it is used as it is.

    Raises:
        FleetError: r10k can't evaluate the Puppetfile.
    """
    with temporary.directory() as scratch:
        file = scratch / "Puppetfile"
        file.write_bytes(puppetfile)
        known = CACHE.get(name := cache.digest(_SHAPE, puppetfile.decode("utf-8", "replace")))
        if known is None:
            known = module_sources.named(file)
            CACHE.put(name, known)
        here = {module.name for module in known if module.directory in own or module.options.get("local")}
        wanted = [module for module in known if module.name not in here]
        recipe = cache.digest(_SHAPE, puppetfile.decode("utf-8", "replace"), forge_url or "", *sorted(here))[:20]
        sources = _Sources(scratch, wanted, forge_url)
        if recipe_of(FETCHED / recipe) != recipe and sources.missing:
            # Next time they may be there: what lacks them is no answer for this Puppetfile.
            recipe = cache.digest(recipe, *sorted(sources.missing))[:20]

        def fill(new: Path) -> None:
            with steps.step("modules of the Puppetfile, by r10k"):
                _install(new, file, sources, here)

        with Directories(FETCHED, LIMIT).made(recipe, recipe, fill) as directory:
            index = json.loads((directory / _INDEX).read_text(encoding="utf-8"))
            yield Modules(recipe, index["files"], index["missing"])


class _Sources:
    """What modules come from, fetched when it is asked for."""

    def __init__(self, scratch: Path, wanted: list[Module], forge_url: str | None) -> None:
        self._scratch, self._wanted, self._forge_url = scratch, wanted, forge_url
        self.git = scratch / "git"

    @cached_property
    def forge(self) -> Path:
        """A Forge's directory."""
        if not self._forge_url:
            return forge.ensure()
        directory = self._scratch / "forge"
        module_sources.from_forge(self._wanted, self._forge_url, directory)
        return directory

    @cached_property
    def _cloned(self) -> tuple[Mapping[str, Path], Mapping[str, str]]:
        return module_sources.from_git(self._wanted, self.git)

    @property
    def mirrors(self) -> Mapping[str, Path]:
        """The mirror of each git repository that could be fetched, by its URL."""
        return self._cloned[0]

    @cached_property
    def missing(self) -> Mapping[str, str]:
        """The modules that can't be had, by name, and why."""
        where = self._forge_url or "the mirror of Debian's module packages (--forge URL names another Forge)"
        return {**module_sources.not_in_forge(self._wanted, self.forge, where), **self._cloned[1]}


def _install(directory: Path, puppetfile: Path, sources: _Sources, here: Collection[str]) -> None:
    with temporary.directory() as scratch:
        archive = scratch / "modules.tar"
        reads = {puppetfile: "/Puppetfile", sources.forge: "/forge", sources.git: "/git",
                 _PROGRAM: "/fleet/install_modules.py", _FORGE_SERVER: "/fleet/forge_server.py"}  # fmt: skip
        request = {
            "mirrors": {url: f"/git/{path.name}" for url, path in sources.mirrors.items()},
            "left_out": sorted({*here, *sources.missing}),
        }
        command = ["python3", "/fleet/install_modules.py"]
        try:
            running.run("toolbox", command, reads=reads, archive=archive, stdin=json.dumps(request))
        except CommandFailedError as error:
            raise FleetError(f"Puppetfile: r10k could not install its modules:\n{_words(error.output)}") from None
        archives.unpack(archive, directory)
        running.open_to_all(directory)
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    files = {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    index = {"files": files, "missing": dict(sources.missing)}
    (directory / _INDEX).write_text(json.dumps(index), encoding="utf-8")


def _words(output: str) -> str:
    """What r10k says, without the places in its own code."""
    lines = [line for line in output.strip().splitlines() if not _IN_RUBY.match(line)]
    return "\n".join(lines[-20:])


def link(found: Modules, environment: Path) -> None:
    """Put the modules into an environment, where r10k would have put them.

    The links lead to where the compiler has the modules; here they lead nowhere.
    """
    for directory in sorted({Path(*Path(name).parts[:2]) for name in found.files}):
        place = environment / directory
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.symlink_to(Path(INSIDE) / found.name / directory)
