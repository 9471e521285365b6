"""The one place where fleet starts other programs."""

import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, cast

from fleet_cli.machine.errors import CommandFailedError, FleetError, LimitError

END_SECONDS = 5.0

Result = subprocess.CompletedProcess[str]

_running: set[subprocess.Popen[bytes]] = set()
_leading: set[subprocess.Popen[bytes]] = set()
"""Those of them that have a process group of their own."""
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
    output: Path | None = None,
    seconds: float = 0.0,
    most: int = 0,
    group: bool = False,
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
        output: a file that gets its standard output; on_line then gets its standard error.
        seconds: what it may take until it is killed; 0 for no end.
        most: bytes that it may print on each of its outputs until it is killed; 0 for no end.
        group: whether it gets a process group of its own; what is left of that in the end is killed.

    Raises:
        FleetError: the program is not installed.
        LimitError: it was killed.
        CommandFailedError: `check` is set and the status is not 0.
    """
    command = [str(part) for part in argv]
    if shutil.which(command[0]) is None:
        raise FleetError(f"{command[0]}: not found on this machine; install it and try again")
    with output.open("wb") if output else nullcontext(subprocess.PIPE) as standard:
        # The child ends with fleet, however fleet ends: nothing goes on behind the back of the next call.
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.PIPE if stdin is not None else file or subprocess.DEVNULL,
            stdout=standard,
            stderr=subprocess.STDOUT if (merge or on_line) and not output else subprocess.PIPE,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            process_group=0 if group else None,
        )
    with _lock:
        _running.add(child)
        if group:
            _leading.add(child)
    try:
        out, err = _Conversation(child, on_line, seconds, most).to_its_end((stdin or "").encode())
    finally:
        if group:
            _kill_group(child)
        with _lock:
            _running.discard(child)
            _leading.discard(child)
    result = subprocess.CompletedProcess(command, child.returncode, out, err)
    if check and result.returncode != 0:
        raise CommandFailedError(command, result.returncode, result.stderr or result.stdout)
    return result


def _kill_group(leader: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)


class _Conversation:
    """What is said to a child and what it says, until it and all that has its pipes is gone, or a limit is reached."""

    def __init__(
        self, child: subprocess.Popen[bytes], on_line: Callable[[str], None] | None, seconds: float, most: int
    ) -> None:
        self._child = child
        self._on_line = on_line
        self._seconds, self._most = seconds, most
        self._end = time.monotonic() + seconds if seconds else None
        self._said = {pipe: bytearray() for pipe in (child.stdout, child.stderr) if pipe is not None}
        self._shown = child.stderr or child.stdout
        self._told = 0

    def to_its_end(self, stdin: bytes) -> tuple[str, str]:
        """Return what it said. Who interrupts this leaves the child, which ends with fleet.

        Raises:
            LimitError: a limit is reached; it was killed.
        """
        try:
            self._talk(memoryview(stdin))
            self._wait()
        except LimitError:
            self._child.kill()
            self._child.wait()
            self._close()
            raise
        self._close()
        return self._text(self._child.stdout), self._text(self._child.stderr)

    def _close(self) -> None:
        for pipe in (self._child.stdin, *self._said):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _talk(self, unsent: memoryview) -> None:
        with selectors.DefaultSelector() as ready:
            for pipe in self._said:
                ready.register(pipe, selectors.EVENT_READ)
            if (standard := self._child.stdin) is not None:
                os.set_blocking(standard.fileno(), False)
                ready.register(standard, selectors.EVENT_WRITE)
            while ready.get_map():
                for key, _ in ready.select(self._left()):
                    if standard and key.fileobj is standard:
                        unsent = _send(standard, unsent)
                        if not unsent:
                            ready.unregister(standard)
                            standard.close()
                    elif chunk := os.read(key.fd, 65536):
                        self._hear(cast("IO[bytes]", key.fileobj), chunk)
                    else:
                        ready.unregister(key.fileobj)

    def _hear(self, pipe: IO[bytes], chunk: bytes) -> None:
        heard = self._said[pipe]
        heard += chunk
        if self._most and len(heard) > self._most:
            raise LimitError(f"it printed more than {self._most / 2**20:g} MiB, and was ended")
        if self._on_line and pipe is self._shown:
            *lines, rest = heard[self._told :].split(b"\n")
            for line in lines:
                self._on_line(line.decode("utf-8", "replace"))
            self._told = len(heard) - len(rest)

    def _left(self) -> float | None:
        """How long it may still take.

        Raises:
            LimitError: no longer.
        """
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise LimitError(f"it did not end within {self._seconds:.0f} s, and was ended")
        return left

    def _wait(self) -> None:
        if self._on_line and self._shown and (rest := self._said[self._shown][self._told :]):
            self._on_line(rest.decode("utf-8", "replace"))
        try:
            self._child.wait(self._left())
        except subprocess.TimeoutExpired:
            self._left()

    def _text(self, pipe: IO[bytes] | None) -> str:
        said = self._said[pipe].decode("utf-8", "replace") if pipe else ""
        return said.replace("\r\n", "\n").replace("\r", "\n")


def _send(pipe: IO[bytes], unsent: memoryview) -> memoryview:
    """Write what a pipe takes now; return what is left, nothing if nobody reads any more."""
    try:
        return unsent[os.write(pipe.fileno(), unsent[:65536]) :]
    except BlockingIOError:
        return unsent
    except BrokenPipeError:
        return unsent[:0]


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
        leading = set(_leading)
    for other in beside:
        other.kill()
    for child in children:
        if child in leading:
            _kill_group(child)
        elif child.poll() is None:
            child.send_signal(signal.SIGTERM)
    ended: list[subprocess.Popen[bytes] | subprocess.Popen[str]] = [*beside, *children]
    for each in ended:
        with suppress(subprocess.TimeoutExpired):
            each.wait(END_SECONDS)
