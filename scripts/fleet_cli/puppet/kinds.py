"""What is asked of a Puppet, wherever it runs."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen
from typing import IO, Protocol

from fleet_cli.machine import process
from fleet_cli.sandbox.limits import Limits


class Puppet(Protocol):
    """Runs programs in Ruby that load Puppet. What such a program sees of this machine has an agreed place for it."""

    @property
    def digest(self) -> str:
        """Another one for another Puppet, so that nothing in a cache is taken for what this one says."""

    @property
    def patched(self) -> bool:
        """Whether fleet's patches of Puppet (docs/patches.md) may be loaded."""

    @property
    def lints(self) -> bool:
        """Whether puppet-lint is there."""

    @property
    def notes(self) -> Sequence[str]:
        """What it can't do, and what would help."""

    def at(self, place: str) -> str:
        """The path by which a program has to ask for what was put at an agreed place."""

    def run(self, program: str, *, reads: Mapping[Path, str], stdin: str) -> process.Result:
        """Run a program to its end.

        Args:
            program: its agreed place.
            reads: files and directories of this machine, and their agreed places.
            stdin: text for its standard input.

        Raises:
            CommandFailedError: its status is not 0.
            FleetError: Puppet can't run here, or needed more than it may use.
        """

    def started(
        self,
        program: str,
        options: Sequence[str],
        *,
        stderr: IO[str],
        reads: Mapping[Path, str],
        live: Mapping[Path, str],
        limited: Limits,
    ) -> AbstractContextManager[Popen[str]]:
        """Start a program that is talked to over its pipes, and ended when the block is left.

        Args:
            program, reads: as in `run`.
            options: its arguments.
            stderr: the file that gets its standard error.
            live: as `reads`, but what is put there later can be read as well.
            limited: what it may use.

        Raises:
            FleetError: Puppet can't run here.
        """
