"""Commands on boxes, over the ssh configuration that Vagrant gives."""

import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.labfile import Box


def require_root() -> None:
    """Refuse to look where an ordinary user sees nothing: the key of the boxes is root's.

    Raises:
        FleetError: the state is not the lab's.
    """
    if paths.STATE != paths.LAB:
        raise FleetError("the lab is root's: run it as root, or with sudo")


def command(box: Box, *options: str) -> list[str]:
    """The ssh command line that reaches a box.

    Raises:
        FleetError: the lab is not up, or this box is not part of what is up.
    """
    if not paths.SSH_CONFIG.exists() or f"Host {box.name} " not in paths.SSH_CONFIG.read_text(encoding="utf-8"):
        require_root()
        raise FleetError(f"box {box.name} is not up: `fleet lab up {box.name}` first")
    return ["ssh", "-F", str(paths.SSH_CONFIG), "-o", "ConnectTimeout=10", *options, box.name]


def run(
    box: Box,
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> process.Result:
    """Run a command as root on a box.

    Raises:
        FleetError: the box does not answer.
        CommandFailedError: `check` is set and the status is not 0.
    """
    return process.run([*command(box), "sudo", "--", shlex.join(argv)], stdin=stdin, check=check, on_line=on_line)


def upload(box: Box, source: Path, target: str) -> None:
    """Copy a file or a directory to a path on a box; it is root's there and replaces what was there."""
    quoted = shlex.quote(target)
    if source.is_dir():
        flags = ["-C", str(source), "."]
        unpack = f"rm -rf {quoted} && mkdir -p {quoted} && tar -x --no-same-owner -C {quoted}"
    else:
        flags = ["-C", str(source.parent), source.name]
        unpack = f"tar -x --no-same-owner --to-stdout > {quoted}"
    with subprocess.Popen(["tar", "-c", *flags], stdout=subprocess.PIPE) as pack:
        done = subprocess.run(
            [*command(box), "sudo", "sh", "-c", shlex.quote(unpack)],
            stdin=pack.stdout, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0 or pack.returncode != 0:
        raise FleetError(f"{box.name}: could not copy {source} to {target}: {done.stderr.strip()}")
