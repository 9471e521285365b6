#!/usr/bin/python3 -I
"""Decides which machines get a certificate: those that were invited, each once, as what it was invited as.

fleet-enrolment.service runs it, on a socket that systemd hands over. A question is a JSON object on one line, and so is
its answer:

    {"invite": {"certname": C, "role": R, "tier": T}}                 {"token": …, "until": …}
    {"is_invited": C}                                                 {"invited": true or false}
    {"redeem": {"certname": C, "role": R, "tier": T, "token": …}}     {"signed": true or false, "why": …}
    {"refuse": {"certname": C, "why": …}}                             {}; of a request that is none

Root asks the first, the CA's policy the others.

Of a token, only its digest is kept: in a file that the user who compiles catalogs can't read.
"""

import hashlib
import hmac
import json
import os
import pwd
import secrets
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, "/usr/local/lib/fleet-operators")

from operators import journal

STATE = Path("/var/lib/fleet-enrolment/invitations.json")
POLICY = "puppet"
"""The account of the CA and its policy."""
VALID_SECONDS = 3600
PATIENCE_SECONDS = 5
LONGEST = 4096
"""Bytes of a question."""
TOLD_A_MINUTE = 10
"""So many refusals are recorded each; of those beyond, their number. The log is for others, too, whoever sends many."""
LISTEN_FD = 3
"""What systemd hands over first; see sd_listen_fds(3)."""


class Refused(Exception):
    """A question that is none, or is not for whoever asks it."""


class Invitations:
    """Who may enrol, in a file."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now = now

    def invite(self, certname: str, role: str, tier: str) -> dict[str, str]:
        """Return a token for a node; an earlier one for it is of no use any more."""
        token = secrets.token_hex(20)
        until = self._now() + VALID_SECONDS
        invited = self._read()
        invited[certname] = {"role": role, "tier": tier, "digest": _digest(token), "until": until}
        self._write(invited)
        return {"token": token, "until": datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")}

    def is_invited(self, certname: str) -> bool:
        """Whether a token for this node is valid."""
        return certname in self._read()

    def redeem(self, certname: str, role: str, tier: str, token: str) -> str:
        """Return why a token is not taken; empty if it is, which then is of no use any more."""
        invited = self._read()
        if certname not in invited:
            return "nobody is expected by that name, or no longer: fleet enroll gives a token for an hour"
        wanted = invited[certname]
        if not hmac.compare_digest(_digest(token), wanted["digest"]):
            return "the token is wrong"
        if (role, tier) != (wanted["role"], wanted["tier"]):
            return f"the token is for role {wanted['role']} in tier {wanted['tier']}"
        del invited[certname]
        self._write(invited)
        return ""

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        now = self._now()
        return {name: one for name, one in found.items() if now < one["until"] <= now + VALID_SECONDS}

    def _write(self, invited: Mapping[str, Any]) -> None:
        new = self._file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(invited, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)


class Log:
    """What `fleet log` shows of decisions."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._minute = 0.0
        self._told = 0
        self._untold = 0

    def signed(self, what: str) -> None:
        """Record that a machine gets its certificate."""
        journal.record("certificate", what, journal.DONE)

    def refused(self, what: str, why: str) -> None:
        """Record that a request was refused, or count it."""
        self.flush()
        self._told += 1
        if self._told <= TOLD_A_MINUTE:
            journal.record("certificate", what, f"{journal.FAILED}: {why}")
        else:
            self._untold += 1

    def flush(self) -> None:
        """Record how many refusals were not, once their minute is over."""
        if self._now() < self._minute + 60:
            return
        if self._untold:
            journal.record("certificate", f"{self._untold} more requests", f"{journal.FAILED}: refused, too")
        self._minute, self._told, self._untold = self._now(), 0, 0


def answer(question: Mapping[str, Any], by: str, invitations: Invitations, log: Log) -> dict[str, Any]:
    """Return the answer to a question of an account.

    Raises:
        Refused: it is none, or not for this account to ask.
    """
    match question:
        case {"invite": {"certname": str(certname), "role": str(role), "tier": str(tier)}} if by == "root":
            return invitations.invite(certname, role, tier)
        case {"is_invited": str(certname)} if by == POLICY:
            return {"invited": invitations.is_invited(certname)}
        case {"redeem": {"certname": str(certname), "role": str(role), "tier": str(tier), "token": str(token)}} if (
            by == POLICY
        ):
            what = f"{certname} as {role} in {tier}"
            why = invitations.redeem(certname, role, tier, token)
            if why:
                log.refused(what, why)
            else:
                log.signed(what)
            return {"signed": not why, "why": why}
        case {"refuse": {"certname": str(certname), "why": str(why)}} if by == POLICY:
            log.refused(certname, why)
            return {}
    raise Refused("that is no question, or not for this account")


def answer_next(listener: socket.socket, invitations: Invitations, log: Log) -> None:
    """Answer the next connection; return without one after the listener's timeout."""
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        log.flush()
        return
    with connection, suppress(OSError):  # whoever asked may have gone
        said = _answered(connection, invitations, log)
        connection.sendall(json.dumps(said).encode() + b"\n")


def main() -> NoReturn:
    """Answer, one after the other, for ever."""
    listener = socket.socket(fileno=LISTEN_FD)
    listener.settimeout(60)
    invitations, log = Invitations(STATE), Log()
    while True:
        answer_next(listener, invitations, log)


def _answered(connection: socket.socket, invitations: Invitations, log: Log) -> dict[str, Any]:
    try:
        return answer(json.loads(_line(connection)), _account(connection), invitations, log)
    except (Refused, ValueError) as error:
        return {"error": str(error)}
    except OSError as error:  # the state can't be read or written: nobody gets a certificate
        return {"error": f"{error.filename or 'connection'}: {error.strerror or error}"}


def _line(connection: socket.socket) -> bytes:
    """Return the question; all of it has to be there in time."""
    end = time.monotonic() + PATIENCE_SECONDS
    read = b""
    while not read.endswith(b"\n") and len(read) < LONGEST:
        connection.settimeout(max(end - time.monotonic(), 0.01))
        more = connection.recv(LONGEST - len(read))
        if not more:
            break
        read += more
    return read


def _account(connection: socket.socket) -> str:
    """Return who asks, as the kernel says."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _process, user, _group = struct.unpack("3i", credentials)
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


if __name__ == "__main__":
    main()
