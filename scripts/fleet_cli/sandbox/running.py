"""Commands in a sandbox: an overlay on a root file system, gone when they end, in namespaces of their own.

Foreign code runs as the user `builder`, without a network, and sees nothing of this machine but what it is given to
read. What it makes, it gives back on its standard output, or in a tar archive: no directory of this machine can be
written to from inside.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

from fleet_cli.machine import process, temporary
from fleet_cli.machine.errors import CommandFailedError
from fleet_cli.machine.printable import printable
from fleet_cli.sandbox import entering, images
from fleet_cli.sandbox.limits import Limits


def run(
    layer: str,
    argv: Sequence[str],
    *,
    reads: Mapping[Path, str] | None = None,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    archive: Path | None = None,
    root: bool = False,
    network: bool = False,
    limited: Limits | None = None,
) -> process.Result:
    """Run a command in a sandbox.

    Args:
        layer: a key of LAYER_PACKAGES, or "" for the bare base.
        argv: the command, as found inside.
        reads: directories or files of this machine, and where they are inside, for reading.
        stdin, env, check, on_line: as in process.run.
        archive: a file that gets what the command writes to its standard output, the only way for files to come out.
        root: whether it starts as root inside, which can install packages; for commands of fleet, which then drop to
            AS_BUILDER before any foreign code runs.
        network: whether it has this machine's network; never for foreign code.
        limited: what it may use.

    Raises:
        CommandFailedError: `check` is set and the status is not 0.
        FleetError: this machine can't make a sandbox, or the command needed more than its limits.
    """
    limited = limited or Limits()
    shown = None if on_line is None else lambda line: on_line(printable(line))
    with _entered(layer, argv, reads or {}, env or {}, root=root, network=network, limited=limited) as command:
        result = process.run(
            command, stdin=stdin, check=False, on_line=shown, output=archive, seconds=limited.seconds,
            most=limited.output,
        )  # fmt: skip
    entering.require_entered(result)
    if check and result.returncode != 0:
        said = printable(result.stderr or result.stdout)
        reached = limited.reached(said, result.returncode)
        raise CommandFailedError(list(argv), result.returncode, "\n".join(filter(None, (said.rstrip(), reached))))
    return result


@contextmanager
def started(
    layer: str,
    argv: Sequence[str],
    *,
    stderr: IO[str],
    reads: Mapping[Path, str] | None = None,
    live: Mapping[Path, str] | None = None,
    limited: Limits | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Foreign code that goes on beside fleet until the block is left; see process.started.

    Args:
        layer, argv, reads, limited: as in `run`.
        live: directories of fleet's own, and where they are inside: what is put there later can be read as well, if
            everybody may read it (see open_to_all).
        stderr: the file that gets its standard error.
    """
    limited = limited or Limits()
    inside = _entered(layer, argv, reads or {}, {}, root=False, network=False, limited=limited, live=live or {})
    with inside as command, process.started(command, stderr=stderr) as child:
        yield child


@contextmanager
def _entered(
    layer: str,
    argv: Sequence[str],
    reads: Mapping[Path, str],
    env: Mapping[str, str],
    *,
    root: bool,
    network: bool,
    limited: Limits,
    live: Mapping[Path, str] = MappingProxyType({}),
) -> Iterator[list[str]]:
    """The command line that runs a command inside; what that needs is there until the block is left."""
    lower = images.ensure(layer)
    temporary.remove_abandoned()
    with temporary.directory() as directory:
        given = {**_readable(reads, directory), **{path.absolute(): place for path, place in live.items()}}
        what = entering.inside(argv, given, env, root=root, network=network)
        yield entering.command(directory, what, limited, lower=lower)


def _readable(reads: Mapping[Path, str], directory: Path) -> dict[Path, str]:
    """What is to be read, as the sandbox can read it: for root, a copy of what only its owner may read."""
    if os.geteuid() != 0:
        return {path.absolute(): place for path, place in reads.items()}
    given = {}
    for number, (path, place) in enumerate(reads.items()):
        copy = directory / f"given-{number}"
        if _is_open_to_all(path):
            given[path.absolute()] = place
        elif path.is_dir():
            shutil.copytree(path, copy, symlinks=True)
            open_to_all(copy)
            given[copy] = place
        else:
            shutil.copyfile(path, copy)
            open_to_all(copy)
            given[copy] = place
    return given


def open_to_all(path: Path) -> None:
    """Let everybody read a file, or all that is in a directory: for what a sandbox of root's is to read.

    Who may come to it is decided by the directories above.
    """
    for each in (path, *path.rglob("*")):
        if not each.is_symlink():
            mode = each.stat().st_mode & 0o7777
            each.chmod(mode | (0o555 if each.is_dir() or mode & 0o111 else 0o444))


def _is_open_to_all(path: Path) -> bool:
    """Whether everybody may read a file, or all that is in a directory. Who may come to it does not matter."""
    if not path.is_dir():
        return bool(path.stat().st_mode & 0o004)
    for folder, _, files in os.walk(path):
        if Path(folder).stat().st_mode & 0o005 != 0o005:
            return False
        for name in files:
            if not Path(folder, name).lstat().st_mode & 0o004:
                return False
    return True
