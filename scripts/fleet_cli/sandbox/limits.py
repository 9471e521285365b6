"""What a sandbox may use of the machine, and how that is held."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleet_cli.machine import process

_MIB = 2**20
FILES = 200_000
"""How many files and directories may be made in a sandbox."""


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use.

    Attributes:
        memory: bytes: of all its processes together where a service manager can hold that, else of each one.
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
    # A manager that is there may still refuse: no controller is delegated, or no session bus.
    tried = process.run([*command, "--scope", "--quiet", "--collect", "--property=MemoryMax=1G", "true"], check=False)
    return command if tried.returncode == 0 else ()
