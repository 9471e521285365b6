"""What a command takes: wall clock, CPU, and the memory of all its processes together."""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Sample:
    """One run.

    Attributes:
        wall: seconds of wall clock.
        cpu: seconds of CPU of all its processes, each as seen a quarter of a second before its end at worst.
        memory: the largest sum of their PSS, in bytes.
        output: what it printed.
    """

    wall: float
    cpu: float
    memory: int
    output: str


def measure(command: Sequence[str], cwd: Path, env: dict[str, str]) -> Sample:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    start = time.monotonic()
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True) as child:
        watch = _Watch(child.pid)
        with watch:
            output, _ = child.communicate()
    wall = time.monotonic() - start
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Sample(wall, sum(watch.cpu.values()), watch.memory, output)


class _Watch:
    """Looks at a process and all below it, again and again, as long as the block lasts."""

    def __init__(self, pid: int) -> None:
        self.memory = 0
        self.cpu: dict[int, float] = {}
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            tree = _tree(self._pid)
            self.memory = max(self.memory, sum(_pss(pid) for pid in tree))
            self.cpu.update({pid: seconds for pid in tree if (seconds := _cpu(pid))})


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text(encoding="ascii").split()]
            except OSError:
                continue  # it has ended meanwhile
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
