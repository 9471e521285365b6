"""Tests that run while others do: at a low priority, out of their sight, and told whole when they have ended."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from fleet_cli.machine import steps

NICENESS = 15
LOOK_SECONDS = 5.0
END_SECONDS = 15.0
"""How long interrupted tests may take to clean up before they are killed."""
_PERCENT = re.compile(r"\[ *(\d+)%\]")


class Beside:
    """Runs of pytest beside the one in the foreground, one at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock = Lock()

    def run(self, name: str, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> int:
        """Run a command to its end and then print what it printed; return its exit status.

        It must be called from a thread that lives as long as the command: when that ends, so does the command.

        Args:
            name: what is run, for the lines that tell how far it is and the title of what it printed.
            command: one of pytest's, whose percentages are looked for.
            cwd, environment: where, and with which variables.
        """
        with tempfile.TemporaryFile() as output:
            child = self._start(command, cwd, environment, output.fileno())
            if child is None:
                return -signal.SIGINT
            steps.say(f"{name}: run beside, and are told when they have ended")
            told = 0
            while True:
                with suppress(subprocess.TimeoutExpired):
                    status = child.wait(LOOK_SECONDS)
                    break
                done = _percent(output.fileno())
                if done // 10 > told // 10:
                    told = done
                    steps.say(f"{name}, beside: {done} %")
            if not self._ended:
                output.seek(0)
                _print(name, output.read())
            return status

    def _start(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], output: int
    ) -> subprocess.Popen[bytes] | None:
        """Start the command, unless all was ended before."""
        with self._lock:
            if self._ended:
                return None
            # A session of its own: a kernel that groups processes by session gives each group the same share, however
            # nice those in it are, unless the group is told to be nice itself.
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "nice", "-n", str(NICENESS), *command],
                cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            with suppress(OSError):  # there are kernels without
                Path(f"/proc/{self._child.pid}/autogroup").write_text(f"{NICENESS}\n", encoding="ascii")
            return self._child

    def end(self) -> None:
        """Interrupt what runs, wait for it to clean up, and let nothing more begin."""
        with self._lock:
            self._ended = True
            child = self._child
        if child is None or child.poll() is not None:
            return
        # pytest itself, which ends its workers: they would each say what interrupted them.
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _percent(output: int) -> int:
    """How far pytest is by what it has written; its last line is enough."""
    size = os.fstat(output).st_size
    found = _PERCENT.findall(os.pread(output, 4096, max(0, size - 4096)).decode("utf-8", "replace"))
    return int(found[-1]) if found else 0


def _print(name: str, text: bytes) -> None:
    """Print it at once, between lines that tell it from what else is printed meanwhile."""
    title, end = f" {name}, which ran beside ", f" end of the {name} "
    sys.stdout.write(f"\n{title:=^80}\n{text.decode('utf-8', 'replace')}{end:=^80}\n")
    sys.stdout.flush()
