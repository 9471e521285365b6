"""The one place where fleet starts other programs."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fleet_cli.machine.errors import CommandFailedError, FleetError

END_SECONDS = 5.0

Result = subprocess.CompletedProcess[str]

_running: set[subprocess.Popen[str]] = set()
_beside: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    file: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
    merge: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """Run a program to its end and return what it printed.

    Args:
        argv: the program and its arguments; no shell is involved.
        stdin: text for its standard input; without it and `file` the input is empty.
        file: an open file that is its standard input, from where it is read next.
        env: variables to add to the environment.
        cwd: the directory to run it in.
        check: whether a status other than 0 is an error.
        merge: whether its standard error belongs into the output, in the order it was written.
        on_line: called with each line of output as it is printed (implies merge).

    Raises:
        FleetError: the program is not installed.
        CommandFailedError: `check` is set and the status is not 0.
    """
    command = [str(part) for part in argv]
    if shutil.which(command[0]) is None:
        raise FleetError(f"{command[0]}: not found on this machine; install it and try again")
    # The child ends with fleet, however fleet ends: nothing goes on behind the back of the next call.
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command],
        stdin=subprocess.PIPE if stdin is not None else file or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge or on_line else subprocess.PIPE,
        env={**os.environ, **env} if env else None,
        cwd=cwd,
        text=True,
        errors="replace",
    )
    with _lock:
        _running.add(child)
    try:
        out, err = _follow(child, stdin, on_line) if on_line else child.communicate(stdin)
    finally:
        with _lock:
            _running.discard(child)
    result = subprocess.CompletedProcess(command, child.returncode, out or "", err or "")
    if check and result.returncode != 0:
        raise CommandFailedError(command, result.returncode, result.stderr or result.stdout)
    return result


def _follow(child: subprocess.Popen[str], stdin: str | None, on_line: Callable[[str], None]) -> tuple[str, str]:
    if stdin is not None and child.stdin:
        child.stdin.write(stdin)
        child.stdin.close()
    lines: list[str] = []
    assert child.stdout is not None  # noqa: S101 - opened as a pipe above
    for line in child.stdout:
        lines.append(line)
        on_line(line.rstrip("\n"))
    child.wait()
    return "".join(lines), ""


@contextmanager
def started(argv: Sequence[str | Path], *, stderr: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """A program that goes on beside fleet and is talked to over its pipes; killed when the block is left.

    It must be started by the thread that uses it: when that ends, so does the program.

    Args:
        argv: the program and its arguments; no shell is involved.
        stderr: the file that gets its standard error.
    """
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *(str(part) for part in argv)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    with _lock:
        _beside.add(child)
    try:
        yield child
    finally:
        with _lock:
            _beside.discard(child)
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()


def end_all() -> None:
    """End every program that is still running, and wait for it a moment: fleet was interrupted."""
    with _lock:
        children, beside = list(_running), list(_beside)
    for child in beside:
        child.kill()
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    for child in [*beside, *children]:
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
