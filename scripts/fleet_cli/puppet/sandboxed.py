"""Debian 13's Puppet, in a sandbox."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import IO, ClassVar

from fleet_cli.machine import process
from fleet_cli.sandbox import images, running
from fleet_cli.sandbox.limits import Limits

LAYER = "toolbox"


@dataclass(frozen=True)
class Sandboxed:
    """See kinds.Puppet. The agreed places are the paths inside."""

    patched: ClassVar[bool] = True
    lints: ClassVar[bool] = True
    notes: ClassVar[Sequence[str]] = ()

    @property
    def digest(self) -> str:
        """What the root file system is made from; empty before there is one."""
        return images.made_from(LAYER)

    def at(self, place: str) -> str:
        """Return the same path."""
        return place

    def run(self, program: str, *, reads: Mapping[Path, str], stdin: str) -> process.Result:
        """See kinds.Puppet."""
        return running.run(LAYER, ["ruby", program], reads=reads, stdin=stdin)

    @contextmanager
    def started(
        self,
        program: str,
        options: Sequence[str],
        *,
        stderr: IO[str],
        reads: Mapping[Path, str],
        live: Mapping[Path, str],
        limited: Limits,
    ) -> Iterator[Popen[str]]:
        """See kinds.Puppet."""
        for directory in live:
            directory.chmod(0o755)
        argv = ["ruby", program, *options]
        with running.started(LAYER, argv, stderr=stderr, reads=reads, live=live, limited=limited) as child:
            yield child


PUPPET = Sandboxed()
