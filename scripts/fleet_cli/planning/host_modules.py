"""Modules that this machine's own r10k fetches, with its own configuration and its user's keys."""

import shutil
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleet_cli.machine import cache, process, steps, temporary
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.planning.fetching import FetchError
from fleet_cli.puppet.installation import Installation

_SECONDS = 1800.0


@dataclass(frozen=True)
class ByR10k:
    """See modules.Source.

    Attributes:
        installed: beside what r10k may be.
        forge_url: a Forge; without one, that of r10k's configuration.
    """

    installed: Installation
    forge_url: str | None = None
    notes: ClassVar[Sequence[str]] = ()
    without_puppetfile: ClassVar[bool] = False
    lasting: ClassVar[bool] = False

    def recipe(self, puppetfile: str, own: Container[str]) -> str:  # noqa: ARG002 - all are put there
        """See modules.Source."""
        return cache.digest("r10k of this machine", puppetfile, self.forge_url or "")

    def install(self, puppetfile: bytes, own: Container[str], directory: Path) -> Mapping[str, str]:  # noqa: ARG002 - all are put there
        """See modules.Source."""
        r10k = self.installed.beside("r10k")
        if r10k is None:
            raise FleetError(
                "r10k is not on PATH, and fetches the Puppetfile's modules:"
                f" {self.installed.gem('r10k')}, or name a directory that has them: --modules DIR"
            )
        with steps.step(f"modules of the Puppetfile, by {r10k}"), temporary.directory() as scratch:
            work = scratch / "work"
            work.mkdir()
            (work / "Puppetfile").write_bytes(puppetfile)
            command = [str(r10k), "puppetfile", "install", "--verbose"]
            if self.forge_url:
                config = scratch / "r10k.yaml"
                config.write_text(f"forge:\n  baseurl: {self.forge_url}\n", encoding="utf-8")
                command.append(f"--config={config}")
            try:
                process.run(command, cwd=work, merge=True, seconds=_SECONDS)
            except CommandFailedError as error:
                raise FetchError(self.forge_url or "the Forge of this machine's r10k", error) from None
            (work / "Puppetfile").unlink()
            shutil.copytree(work, directory, symlinks=True, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        return {}
