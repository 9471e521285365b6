"""A machine for the tests of profile::operators' programs: places and other programs are the test's own."""

import os
import socket
import struct
from pathlib import Path

import pytest
from operators import command_line, places

RECORDS_AT_ONCE = 65536


class Machine:
    """A machine in a directory, on which root works, called by anna's sudo.

    Attributes:
        called: the command line that a program has gone on as, by its name alone; empty if none has.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.called: list[str] = []
        for name in ("bin", "state", "ssl", "units", "proc"):
            (root / name).mkdir()
        for name, place in (
            ("CONFIG", "fleet-operators.ini"), ("STATE", "state"), ("SUMMARY", "summary.yaml"), ("SSL", "ssl"),
            ("UNITS", "units"), ("PROCESSES", "proc"), ("PUPPET_RUN", "bin/puppet-run"), ("PUPPET", "bin/puppet"),
            ("FLASK_MICROSERVICE", "bin/flask-microservice"), ("DEPLOY_ENVIRONMENT", "bin/deploy-environment"),
            ("PUBLISH_PACKAGE", "bin/publish-package"), ("INBOX", "inbox"),
            ("JOURNAL", "journal"), ("RUN_LOCK", "fleet-run/lock"), ("AUTHORITY", "ca_crt.pem"), ("SIGNED", "signed"),
            ("ENROLMENT", "enrolment"), ("PUPPETSERVER", "bin/puppetserver"),
            ("RELEASES", "releases"), ("RUN", "run"), ("HAPROXY", "haproxy.sock"),
        ):  # fmt: skip
            monkeypatch.setattr(places, name, root / place)
        monkeypatch.setattr(places, "PATH", f"{root}/bin:{places.PATH}")
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "execve", self._become)
        monkeypatch.setenv("SUDO_USER", "anna")
        monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.10 22")
        self._journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._journal.bind(str(places.JOURNAL))
        self._journal.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._journal.setblocking(False)

    def put(self, name: str, script: str) -> None:
        """Put a program there: a shell script, which first writes its arguments down."""
        file = self.root / "bin" / name
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{self.root}/{name}.given"\n{script}\n', encoding="utf-8")
        file.chmod(0o755)

    def given(self, name: str) -> list[str] | None:
        """The arguments with which a program was called last, None if it was not."""
        file = self.root / f"{name}.given"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else None

    def write(self, name: str, text: str) -> None:
        """Write a file of the machine."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def run(self, program: str, *arguments: str) -> int:
        """Run one of the programs; return its status."""
        return command_line.main(program, arguments)

    def records(self) -> list[dict[str, str]]:
        """What has come to the journal since the last call: the fields of each record."""
        found: list[dict[str, str]] = []
        while True:
            try:
                entry = self._journal.recv(RECORDS_AT_ONCE).decode()
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in entry.splitlines()))

    def wait_for_record(self) -> tuple[dict[str, str], int]:
        """The next record, which may still be on its way, and the account that it comes from, by number."""
        self._journal.settimeout(10)
        entry, extra, _, _ = self._journal.recvmsg(RECORDS_AT_ONCE, socket.CMSG_SPACE(12))
        _, user, _ = struct.unpack("3i", extra[0][2])
        return dict(line.split("=", 1) for line in entry.decode().splitlines()), user

    def close(self) -> None:
        """End the journal."""
        self._journal.close()

    def _become(self, path: Path, command: list[str], _: dict[str, str]) -> None:
        self.called = [Path(path).name, *command[1:]]
        raise SystemExit(0)  # a process that has become another one does not come back
