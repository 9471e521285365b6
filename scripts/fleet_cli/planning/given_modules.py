"""Modules that somebody has laid out already, as r10k or librarian-puppet do it: DIR/stdlib, DIR/concat, …"""

import hashlib
import os
import shutil
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleet_cli.machine import cache
from fleet_cli.machine.errors import FleetError
from fleet_cli.validation import puppetfile as puppetfiles


@dataclass(frozen=True)
class Given:
    """See modules.Source.

    Attributes:
        directory: that has the modules.
    """

    directory: Path
    without_puppetfile: ClassVar[bool] = True
    lasting: ClassVar[bool] = True

    @property
    def notes(self) -> Sequence[str]:
        """Say that they stand for both states."""
        return (f"modules: those in {self.directory}, in both states: what the Puppetfile names is not looked at",)

    def recipe(self, puppetfile: str, own: Container[str]) -> str:
        """See modules.Source."""
        files = [f"{path} {hashlib.sha256(file.read_bytes()).hexdigest()}" for path, file in self._files()]
        if not files:
            raise FleetError(
                f"{self.directory}: there are no modules; --modules takes the directory that has a directory for each"
            )
        missing = self._missing(puppetfile, own)
        where = [str(self.directory)] if missing else []  # the reason says it
        return cache.digest("given", _moduledir(puppetfile), *missing, *where, *files)

    def install(self, puppetfile: bytes, own: Container[str], directory: Path) -> Mapping[str, str]:
        """See modules.Source."""
        text = puppetfile.decode("utf-8", "replace")
        for path, file in self._files():
            place = directory / _moduledir(text) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        return dict.fromkeys(self._missing(text, own), f"not in {self.directory}")

    def _missing(self, puppetfile: str, own: Container[str]) -> list[str]:
        """What the Puppetfile names and is neither there nor in the repository, as far as its text says it."""
        said = puppetfiles.read(puppetfile)
        return [
            module.slug
            for module in said.modules
            if not (self.directory / module.name).is_dir()
            and f"{said.moduledir}/{module.name}" not in own
            and not module.is_local
        ]

    def _files(self) -> Iterator[tuple[Path, Path]]:
        """The files of modules, with their paths below the directory. A module may be a link, what is in it not."""
        for module in sorted(self.directory.iterdir()):
            if not module.is_dir() or module.name.startswith("."):
                continue
            for folder, names, files in os.walk(module):
                names[:] = sorted(name for name in names if name != ".git")
                for file in sorted(Path(folder, name) for name in files):
                    if file.is_file() and not file.is_symlink():
                        yield file.relative_to(self.directory), file


def _moduledir(text: str) -> str:
    return puppetfiles.read(text).moduledir or puppetfiles.R10KS_MODULEDIR
