"""The Puppet that this machine has of its own. What runs there is not contained: it runs as whoever calls fleet."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import IO, ClassVar

from fleet_cli.machine import process, temporary
from fleet_cli.machine.errors import FleetError
from fleet_cli.puppet import installation
from fleet_cli.puppet.installation import Installation
from fleet_cli.sandbox.limits import Limits

WARNING = "code of the branch (functions, templates, Ruby, the Puppetfile) runs as you on this machine, not contained"


@dataclass(frozen=True)
class Host:
    """See kinds.Puppet. The agreed places are links in a directory of fleet's own.

    Attributes:
        installed: the Puppet.
        root: that directory.
    """

    installed: Installation
    root: Path
    patched: ClassVar[bool] = False

    @property
    def digest(self) -> str:
        """Which Puppet it is, and where."""
        return self.installed.digest

    @property
    def lints(self) -> bool:
        """Whether puppet-lint is installed."""
        return bool(self.installed.lint)

    @property
    def notes(self) -> Sequence[str]:
        """Say that style is not checked, where it is not."""
        missing = (
            f"puppet-lint is not installed: the style of manifests is not checked; {self.installed.gem('puppet-lint')}"
        )
        return () if self.lints else (missing,)

    def at(self, place: str) -> str:
        """Return the path of the link."""
        return f"{self.root}{place}"

    def run(self, program: str, *, reads: Mapping[Path, str], stdin: str) -> process.Result:
        """See kinds.Puppet."""
        limited = Limits()
        command = self._command(program, (), reads, limited)
        return process.run(command, stdin=stdin, seconds=limited.seconds, most=limited.output)

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
        with process.started(self._command(program, options, {**reads, **live}, limited), stderr=stderr) as child:
            yield child

    def _command(self, program: str, options: Sequence[str], reads: Mapping[Path, str], limited: Limits) -> list[str]:
        for path, place in reads.items():
            link = Path(self.at(place))
            link.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another compiler of the same call has made it
                link.symlink_to(path.absolute())
        variables = [f"{name}={value}" for name, value in self.installed.environment.items()]
        # Neither number of processes nor files: those that others of this user have count as well.
        held = ["prlimit", f"--as={limited.memory}", "--core=0"] if shutil.which("prlimit") else []
        return ["env", "-i", *variables, *held, str(self.installed.ruby), self.at(program), *options]


@contextmanager
def opened(*, needs_eyaml: bool) -> Iterator[Host]:
    """This machine's Puppet.

    Args:
        needs_eyaml: whether encrypted values have to be read.

    Raises:
        FleetError: there is none that will do; says what to install.
    """
    found = installation.find()
    if needs_eyaml and not found.eyaml:
        raise FleetError(
            f"{found.ruby}, the Ruby of {found.program}, has no hiera-eyaml: {found.gem('hiera-eyaml')}, or your"
            " system's package of it"
        )
    temporary.remove_abandoned()
    with temporary.directory() as root:
        yield Host(found, root)
