"""Who did what on this machine: a record in the journal for each (journalctl -t fleet -o json, or fleet-log).

deploy-environment and publish-package leave theirs by it too, whoever calls them.
"""

import ipaddress
import os
import pwd
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from operators import places

LONGEST = 1000
"""Characters of a field: journald and what shows it take no text for a field that is too long."""

DONE = "done"
FAILED = "failed"


@contextmanager
def recorded(action: str, what: str) -> Iterator[None]:
    """Leave a record of what is done in this block, whether it comes to its end or not; see `record`.

    A process of its own leaves it, as the caller and with the caller's surroundings: meanwhile this one may take on
    another account for good, or be killed.
    """
    told, tell = os.pipe()
    scribe = os.fork()
    if scribe == 0:
        _record_what_is_told(told, tell, action, what)
    os.close(told)
    outcome = DONE
    try:
        yield
    except BaseException as error:
        outcome = f"{FAILED}: {str(error) or type(error).__name__}"
        raise
    finally:
        with suppress(OSError):
            os.write(tell, outcome[:LONGEST].encode(errors="replace"))
        os.close(tell)
        os.waitpid(scribe, 0)


def _record_what_is_told(told: int, tell: int, action: str, what: str) -> NoReturn:
    """Wait for an outcome, record it and end this process."""
    try:
        os.close(tell)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        outcome = os.read(told, 4 * LONGEST).decode(errors="replace")
        record(action, what, outcome or f"{FAILED}: it was killed")
    finally:
        os._exit(0)  # nothing of the process that this is a copy of is to be done twice


def record(action: str, what: str, outcome: str) -> None:
    """Leave a record; where there is no journal, none is left and the work goes on.

    Args:
        action: deploy, back, end, trial, rollout, publish, run, rollback, enroll or certificate.
        what: what it was done to, as it was asked for.
        outcome: `done` or `failed`, and what is to be said of it after a colon.
    """
    fields = {
        "FLEET_ACTION": action,
        "FLEET_WHO": who(),
        "FLEET_FROM": where_from(),
        "FLEET_WHAT": what,
        "FLEET_OUTCOME": outcome,
    }
    # A line break would begin another field.
    fields = {name: " ".join(value.split())[:LONGEST] for name, value in fields.items()}
    said = " ".join(filter(None, [fields["FLEET_WHO"], fields["FLEET_ACTION"], fields["FLEET_WHAT"]]))
    entry = {
        "MESSAGE": f"{said}: {fields['FLEET_OUTCOME']}",
        "PRIORITY": "5" if outcome.startswith(DONE) else "3",
        "SYSLOG_IDENTIFIER": "fleet",
        **fields,
    }
    lines = "".join(f"{name}={value}\n" for name, value in entry.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.setblocking(False)
            journal.sendto(lines.encode(errors="replace"), str(places.JOURNAL))
    except OSError:
        pass


def who() -> str:
    """The account behind this process: the one that called sudo, if one did."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name


def where_from() -> str:
    """The address that the person's ssh connection comes from; empty if there is none."""
    address = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
