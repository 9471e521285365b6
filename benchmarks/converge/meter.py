"""How long a command takes, and the CPU time of the machines that have a part in it."""

import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet_cli.machine import host, paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.labfile import Box

TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall clock, of CPU on the node, and of CPU on what controls it."""

    wall: float
    node_cpu: float
    controller_cpu: float

    def as_dict(self) -> dict[str, Any]:
        """The sample as JSON has it."""
        return asdict(self)


def box_cpu(box: Box) -> float:
    """Seconds of CPU that a box has used since it booted, read from outside: the box does not notice."""
    tree = host.cgroup2()
    file = Path(tree or "/", f"lxc.payload.{paths.CONTAINER_PREFIX}{box.name}", "cpu.stat")
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FleetError(f"box {box.name} is not up: `fleet lab up {box.name}` first") from None
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("usage_usec"))) / 1e6


def children_cpu() -> float:
    """Seconds of CPU of all programs that this one has started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(
    command: Sequence[str], node: Box, server: Box | None, env: Mapping[str, str], directory: Path
) -> tuple[Sample, "subprocess.CompletedProcess[str]"]:
    """Run a command.

    Args:
        command: what brings the node into its state.
        node: the node.
        server: another box that has a part in it.
        env: its whole environment.
        directory: where it runs.
    """
    before = box_cpu(node), children_cpu() + (box_cpu(server) if server else 0.0)
    began = time.monotonic()
    done = subprocess.run(
        command, env=env, cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    wall = time.monotonic() - began
    after = box_cpu(node), children_cpu() + (box_cpu(server) if server else 0.0)
    return Sample(wall, after[0] - before[0], after[1] - before[1]), done
