"""What a sandbox may use of the machine, and how that is held."""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleet_cli.machine import process

_MIB = 2**20
FILES = 200_000
"""How many files and directories may be made in a sandbox."""
_MEMORY_LIMIT = Path(__file__).with_name("memory_limit.py")
_OUT_OF_MEMORY = re.compile(
    r"MemoryError|failed to allocate memory|cannot allocate memory|memory exhausted|out of memory|bad_alloc",
    re.IGNORECASE,
)
"""What Python, Ruby, C libraries, compilers and the kernel say."""
_NO_SPACE = re.compile(r"no space left on device", re.IGNORECASE)
_KILLED = (137, -9)


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use.

    Attributes:
        memory: bytes: of all its processes together where a service manager holds that, else of each one.
        processes: how many there may be at once, threads counted.
        seconds: how long it may take; 0 for no end.
        output: bytes on each of its standard output and standard error, and in a file that it gives back.
        scratch: bytes of files that it may make; they are in memory.
    """

    memory: int = 3 * 2**30
    processes: int = 512
    seconds: float = 900.0
    output: int = 64 * _MIB
    scratch: int = 4 * 2**30

    def resources(self) -> Mapping[str, int]:
        """The limits that the kernel holds for each process, by their names in getrlimit."""
        return {"AS": self.memory, "CORE": 0, "FSIZE": max(self.output, self.scratch), "NPROC": self.processes,
                "NOFILE": 16_384}  # fmt: skip

    def scope(self) -> list[str]:
        """The command that holds memory and processes as a whole, in a cgroup; empty where nobody has one to give."""
        manager = _manager()
        if not manager:
            return []
        return [*manager, "--scope", "--quiet", "--collect", f"--property=MemoryMax={self.memory}",
                "--property=MemorySwapMax=0", f"--property=TasksMax={self.processes}", "--"]  # fmt: skip

    def reached(self, said: str, status: int = 0) -> str:
        """Say which limit a command seems to have reached, and what holds it; the empty string if none.

        Args:
            said: what it printed.
            status: its exit status; one that was killed had too much memory.
        """
        if _OUT_OF_MEMORY.search(said) or status in _KILLED:
            return f"it seems to need more than {self.most_memory()}"
        if _NO_SPACE.search(said):
            return f"it seems to make files of more than {_gib(self.scratch)} (a tmpfs holds that)"
        return ""

    def most_memory(self) -> str:
        """How much memory it may have, and what holds that."""
        if _manager():
            return f"{_gib(self.memory)} of memory (all its processes together: a cgroup holds that)"
        return f"{_gib(self.memory)} of memory (each of its processes: no service manager holds them together)"


def _gib(number: int) -> str:
    return f"{number / 2**30:g} GiB"


@cache
def _manager() -> tuple[str, ...]:
    """How the service manager is asked for a scope: the system's for root, for others the user's; () without one."""
    if shutil.which("systemd-run") is None or not Path("/run/systemd/system").is_dir():
        return ()
    if os.geteuid() == 0:
        command: tuple[str, ...] = ("systemd-run",)
    elif Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "systemd/private").exists():
        command = ("systemd-run", "--user")
    else:
        return ()
    # A manager that is there may still refuse, or take the limit and not hold it: no controller is delegated to it.
    limit = f"--property=MemoryMax={2**30}"
    asked = [*command, "--scope", "--quiet", "--collect", limit, "--", sys.executable, "-I", "-S", str(_MEMORY_LIMIT)]
    return command if process.run(asked, check=False).stdout.strip() == str(2**30) else ()
