"""Programs of profile::operators on many machines at once, over ssh by ClusterShell: what each machine said."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ClusterShell.Task import task_self

from fleet_cli.fleet import ssh
from fleet_cli.fleet.description import Fleet

FAN_OUT = 64
"""How many ssh are under way at a time."""
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What a program printed on a machine, or why there is nothing.

    Attributes:
        text: its standard output.
        error: why it said nothing, and what to do; empty if it ended well.
        reached: whether ssh came to the machine at all.
    """

    text: str = ""
    error: str = ""
    reached: bool = True

    def document(self) -> Any:
        """Return the output, read as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.text)


def printable(text: str) -> str:
    """Return what a machine said as a terminal may have it: one line, in which nothing moves the cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def ask(fleet: Fleet, hosts: Sequence[str], *programs: str) -> list[dict[str, Said]]:
    """Run programs that only look, without arguments, on machines in parallel.

    Args:
        fleet: whose machines.
        hosts: as ssh is told.
        programs: their names.

    Returns:
        for each program what each machine said. A machine that is not reached holds up no other.
    """
    if not hosts:
        return [{} for _ in programs]
    task = task_self()
    task.set_info("ssh_options", shlex.join(ssh.options(fleet)))
    task.set_info("fanout", FAN_OUT)
    nodes = ",".join(hosts)
    workers = [
        task.shell(ssh.program(name), nodes=nodes, timeout=TIMEOUT_SECONDS, stderr=True, stdin=False)
        for name in programs
    ]
    task.resume()
    return [{host: _said(worker, host, name) for host in hosts} for worker, name in zip(workers, programs, strict=True)]


def _said(worker: Any, host: str, program: str) -> Said:
    status = _of(worker.node_rc, host)
    text = _decoded(_of(worker.node_buffer, host))
    complaint = _decoded(_of(worker.node_error, host))
    if status == 0:
        return Said(text)
    if status is None:
        return Said(error=f"{program} has come to no end there after {TIMEOUT_SECONDS} s: try it again")
    if status == ssh.UNREACHABLE:
        return Said(error=ssh.why_not_reached(host, complaint or text), reached=False)
    if reason := ssh.why_not_allowed(program, complaint or text):
        return Said(error=reason)
    last = (complaint or text).strip().splitlines()
    return Said(error=f"{program} failed there: {last[-1].strip() if last else f'exit status {status}'}")


def _of(look: Any, host: str) -> Any:
    """What a worker has of a machine; None if it has nothing."""
    try:
        return look(host)
    except KeyError:
        return None


def _decoded(buffer: Any) -> str:
    return bytes(buffer).decode(errors="replace") if buffer else ""
