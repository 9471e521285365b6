"""The one place where other programs are started."""

import codecs
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from operators import places
from operators.errors import Failure
from operators.printable import printable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ASKED_SECONDS = 120
LOOK_SECONDS = 0.2

Result = subprocess.CompletedProcess[str]


def ask(command: Sequence[str | Path], *, check: bool = True) -> Result:
    """Run a program that only looks, and return what it printed.

    Args:
        command: its command line.
        check: whether a status other than 0 is a failure.

    Raises:
        Failure: it is not there, does not end, or failed.
    """
    return begin(command, check=check)()


def begin(command: Sequence[str | Path], *, check: bool = True) -> Callable[[], Result]:
    """Start a program that only looks; return what waits for its end, and returns and raises as `ask` does.

    Raises:
        Failure: it is not there.
    """
    try:
        child = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise _not_started(command, error) from None

    def end() -> Result:
        try:
            said, complained = child.communicate(timeout=ASKED_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise Failure(f"{_name(command)} has not ended after {ASKED_SECONDS} s") from None
        if check and child.returncode != 0:
            raise Failure(f"{_name(command)}: {last_line(complained) or f'exit status {child.returncode}'}")
        return subprocess.CompletedProcess(command, child.returncode, said, complained)

    return end


def follow(command: Sequence[str | Path], *, capture: bool = False) -> Result:
    """Run a program to its end; a signal to end is passed on to it, and its end waited for.

    Args:
        command: its command line.
        capture: whether its output and errors are returned; if not, the caller sees both while it prints them, as a
            terminal may have them.

    Returns:
        Its status, as a shell has it, and what it printed.

    Raises:
        Failure: it is not there.
    """
    err = subprocess.PIPE if capture else subprocess.STDOUT
    try:
        child = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, encoding="utf-8",
            errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise _not_started(command, error) from None

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        said, complained = child.communicate() if capture else _shown(child)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    status = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return subprocess.CompletedProcess(command, status, said or "", complained or "")


def _shown(child: "subprocess.Popen[str]") -> tuple[str, str]:
    """Print what a program prints, until it ends; nothing is kept of it."""
    assert child.stdout  # noqa: S101 - opened as a pipe above
    text = codecs.getincrementaldecoder("utf-8")("replace")
    with child.stdout as pipe, selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        while True:
            if waiting.select(LOOK_SECONDS):
                chunk = os.read(pipe.fileno(), 65536)
                with suppress(BrokenPipeError):  # nobody reads it any more: the program comes to its end nevertheless
                    print(printable(text.decode(chunk, final=not chunk)), end="", flush=True)
                if not chunk:
                    break
            elif child.poll() is not None:
                break  # something that it has started keeps its output open
    child.wait()
    return "", ""


def become(command: Sequence[str | Path]) -> NoReturn:
    """Go on as another program, with its output and status.

    Raises:
        Failure: it is not there.
    """
    try:
        os.execve(command[0], [str(part) for part in command], environment())
    except OSError as error:
        raise _not_started(command, error) from None


def environment() -> dict[str, str]:
    """What other programs are given of the caller's: who it is, and nothing else."""
    caller = {name: os.environ[name] for name in ("SUDO_USER", "SSH_CONNECTION") if name in os.environ}
    return {"PATH": places.PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **caller}


def last_line(text: str) -> str:
    """Return what a program said last."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _name(command: Sequence[str | Path]) -> str:
    return Path(command[0]).name


def _not_started(command: Sequence[str | Path], error: OSError) -> Failure:
    return Failure(f"{command[0]}: {error.strerror}: this machine may not be one that has it")
