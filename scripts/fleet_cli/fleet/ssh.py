"""Commands on the fleet's machines, over the ssh of the person who types: their account, keys and jump hosts."""

import re
import shlex
from collections.abc import Callable, Sequence
from typing import IO

from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import process
from fleet_cli.machine.errors import CommandFailedError, FleetError

PROGRAMS = "/usr/local/sbin"
"""Where profile::operators has the programs that rights are about."""
UNREACHABLE = 255
"""The status of ssh itself where it does not come through."""
CONNECT_SECONDS = 10


class NotReachedError(FleetError):
    """A machine that ssh does not come to."""


class NotAllowedError(FleetError):
    """A program on a machine that this account may not run, or that is not there."""


def options(fleet: Fleet) -> list[str]:
    """Return ssh's options for a fleet: nobody is asked for a password, and nobody waits for ever."""
    config = ["-F", str(fleet.ssh_config)] if fleet.ssh_config else []
    return [*config, "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]


def program(name: str, *arguments: str) -> str:
    """Return what the shell of a machine is to run for one of the programs of profile::operators."""
    return shlex.join(["sudo", "-n", "--", f"{PROGRAMS}/{name}", *arguments])


def run(
    fleet: Fleet,
    host: str,
    name: str,
    *arguments: str,
    stdin: str | None = None,
    file: IO[bytes] | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> process.Result:
    """Run a program of profile::operators on a machine.

    Args:
        host: the machine, as ssh is told.
        name: the program.
        stdin, file: text, or a file, for its standard input.
        check: whether a status other than 0 is an error.
        on_line: called with each line that it prints.

    Raises:
        NotReachedError: ssh does not come through; the message says what to do.
        NotAllowedError: the account may not run the program there, or it is not there.
        CommandFailedError: `check` is set and the status is not 0.
    """
    argv = ["ssh", *options(fleet), "--", host, program(name, *arguments)]
    result = process.run(argv, stdin=stdin, file=file, check=False, on_line=on_line)
    said = result.stderr or result.stdout
    if result.returncode == UNREACHABLE:
        raise NotReachedError(f"{host}: {why_not_reached(host, said)}")
    if result.returncode != 0 and (reason := why_not_allowed(name, said)):
        raise NotAllowedError(f"{host}: {reason}")
    if check and result.returncode != 0:
        raise CommandFailedError([name, *arguments], result.returncode, said)
    return result


def as_root(fleet: Fleet, host: str, argv: Sequence[str], *, stdin: str | None = None) -> process.Result:
    """Run any command on a machine; only an account that is root there anyway can.

    Raises:
        NotReachedError: ssh does not come through.
        NotAllowedError: the account is not root there.
        CommandFailedError: the status is not 0.
    """
    command = ["ssh", *options(fleet), "--", host, shlex.join(["sudo", "-n", "--", *argv])]
    result = process.run(command, stdin=stdin, check=False)
    if result.returncode == UNREACHABLE:
        raise NotReachedError(f"{host}: {why_not_reached(host, result.stderr)}")
    if result.returncode != 0 and why_not_allowed(argv[0], result.stderr):
        raise NotAllowedError(f"{host}: this needs an account that is root there")
    if result.returncode != 0:
        raise CommandFailedError(list(argv), result.returncode, result.stderr or result.stdout)
    return result


def why_not_reached(host: str, said: str) -> str:
    """Return why ssh did not come through, and what to do.

    Args:
        host: as ssh was told.
        said: what ssh printed.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    name = host.rpartition("@")[2]
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
        return (
            "its host key is another one than the one that is known: if the machine was rebuilt, and only then,"
            f" `ssh-keygen -R {name}` forgets the old one"
        )
    if "Host key verification failed" in said:
        return f"its host key is not known yet: `ssh {host}` shows it, and asks whether it is the right one"
    if "Permission denied" in said:
        return (
            "ssh has no key that it takes: `ssh-add -l` lists those of the agent, and profile::operators says who"
            " may log in"
        )
    last = lines[-1] if lines else "ssh came to no end"
    return f"ssh does not reach it: {last.removeprefix('ssh: ')}" if last.startswith("ssh: ") else last


def why_not_allowed(name: str, said: str) -> str | None:
    """Return why sudo did not run a program, and what to do; None if it did."""
    missing = name if re.search(r"^sudo: .*command not found", said, re.MULTILINE) else None
    if missing or "sudo: not found" in said or "sudo: command not found" in said:
        return f"there is no {missing or 'sudo'} on it: profile::operators installs it at a run of the agent"
    if re.search(r"^sudo: (a password is required|.*not allowed|.*not in the sudoers)", said, re.MULTILINE) or (
        "is not allowed to execute" in said
    ):
        return f"your account may not run {name} there: profile::operators::people gives rights"
    return None
