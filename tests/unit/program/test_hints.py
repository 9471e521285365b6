"""A refusal says what to declare so that the release is taken, in the module's own words, wherever its reason tells."""

import os
import pwd
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask_microservice import health, hints, places, reach, starting
from flask_microservice.errors import SwitchError
from flask_microservice.hints import hints as hints_for
from flask_microservice.unit import Unit
from program_node import UNIT, Systemd

SERVICE = """\
[Service]
User=orders
IPAddressDeny=any
IPAddressAllow=localhost 192.0.2.0/24 2001:db8::7
ReadWritePaths=/var/lib/orders /var/log/orders
MemoryMax=512M
TasksMax=64
StateDirectory=shop
"""
ONLY = "it may connect to localhost 192.0.2.0/24 2001:db8::7 only"


def unit(more: str = "", less: str = "") -> Unit:
    return Unit(UNIT.replace("[Service]\n", f"{SERVICE.replace(less, '')}{more}"))


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with room everywhere, whose DNS server no service may ask."""
    monkeypatch.setattr(hints, "_is_full", lambda _: False)
    monkeypatch.setattr(places, "RESOLVER", tmp_path / "resolv.conf")
    monkeypatch.setattr(places, "SOCKETS", tmp_path)
    (tmp_path / "resolv.conf").write_text("search example.test\nnameserver 203.0.113.53\n")
    return tmp_path


NO_NAME = "no name is found, since its `peers` lack the DNS server 203.0.113.53 of {resolver}"
NOT_FOUND = "https://db1: Temporary failure in name resolution"
FORBIDS = "its unit forbids what services rarely need, by {} for one: `unit` sets that otherwise"


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("RuntimeError: there is no way", ""),
        (f"socket.gaierror: [Errno -3] {NOT_FOUND}", NO_NAME),
        ("OperationalError: failed to resolve host 'db1': [Errno -2] Name or service not known", NO_NAME),
        # A connection that is refused has been let out.
        ("OperationalError: connection to 203.0.113.9 port 5432 refused: Connection refused", ""),
        ("OperationalError: connection to server at 203.0.113.9, port 5432 failed: Connection timed out",
         f"203.0.113.9 is not among its `peers`: {ONLY}"),
        ("not ready within 6 s (deadlines.ready): its application is still loading; it waits for 2001:db8::8 port 443"
         " to answer", f"2001:db8::8 is not among its `peers`: {ONLY}"),
        ("OperationalError: connection to 192.0.2.41:5432 timed out", ""),
        ("TimeoutError: [Errno 110] Connection timed out",
         f"{ONLY}: what else it needs, and the DNS server for names, has to be among its `peers`"),
        ("PermissionError: [Errno 1] Operation not permitted",
         f"{ONLY}: what else it needs, and the DNS server for names, has to be among its `peers`"),
        # What has a path is no connection, and what has none is no file.
        ("PermissionError: [Errno 1] Operation not permitted: '/var/lib/orders'", FORBIDS.format("SystemCallFilter")),
        ("PermissionError: [Errno 13] Permission denied", FORBIDS.format("MemoryDenyWriteExecute")),
        ("OSError: [Errno 97] Address family not supported by protocol", FORBIDS.format("RestrictAddressFamilies")),
        # This one is the program's own waiting, and tells nothing of connections.
        ("not ready within 6 s (deadlines.ready): GET /health/ready got no answer (timed out)", ""),
        ("OSError: [Errno 30] Read-only file system: '/srv/shop/x'",
         "it may write to /var/lib/orders /var/log/orders /var/lib/shop only: its `unit` gives it /var/lib/NAME by"
         " StateDirectory=NAME, and opens a directory of its account by ReadWritePaths=PATH"),
        ("PermissionError: [Errno 13] Permission denied: '/var/lib/orders/x'",
         "/var/lib/orders/x has to belong to the account orders"),
        ("PermissionError: [Errno 13] Permission denied: '/var/log/orders/access.log'",
         "the directory of its log is root's, and has no other files: what it writes goes below /var/lib/orders"),
        ("orders@1.service: Failed at step EXEC spawning /opt/venvs/orders/bin/gunicorn: Permission denied", ""),
        ("it did not start (oom-kill): Killed", "it may have 512M of memory (limits.memory)"),
        ("Error: can't start new thread", "it may have 64 processes and threads (limits.tasks)"),
        # No limit is declared for it: it is the system's.
        ("OSError: [Errno 24] Too many open files: '/x'", ""),
        ("ModuleNotFoundError: No module named 'psycopg'",
         "the package orders lacks what has the Python module psycopg"),
        ("gunicorn.errors.AppImportError: Failed to find attribute 'app' in 'shop'.",
         "its `application` is not in the package orders"),
        ("ImportError: libpq.so.5: cannot open shared object file: No such file or directory",
         "the Debian package that has libpq.so.5 is not among the Depends of orders"),
        ("GET /health/ready answered 404: Not Found",
         "its `health_path` (/health/ready) has to answer 200 to whoever asks, by HTTP, for localhost"),
        ("GET /health/ready answered 503: no database", ""),
    ],
)  # fmt: skip
def test_what_to_do_is_said_where_the_reason_tells_it(why: str, hint: str, machine: Path) -> None:
    hint = hint.format(resolver=machine / "resolv.conf")
    assert hints_for(why, unit()) == (f"; {hint}" if hint else "")


def test_names_are_not_blamed_where_the_dns_server_may_be_asked(machine: Path) -> None:
    (machine / "resolv.conf").write_text("nameserver 127.0.0.53\nnameserver 192.0.2.53\n")
    assert hints_for(NOT_FOUND, unit()) == ""


@pytest.mark.parametrize("opened", ["IPAddressDeny=\n", "IPAddressAllow=any\n"])
def test_a_service_that_may_connect_to_anybody_is_not_told_of_peers(opened: str) -> None:
    for why in ("Connection timed out", NOT_FOUND, "203.0.113.9: Operation not permitted"):
        assert hints_for(why, unit(opened)) == ""


def test_a_port_that_is_not_declared_is_named_as_such() -> None:
    text = unit().text + "Peers=192.0.2.41:5432 [2001:db8::7]:443\n"
    own = Unit(text.replace("IPAddressAllow=localhost", "IPAddressAllow=192.0.2.41"))
    why = "OperationalError: connection to server at 192.0.2.41, port 5433 failed: No route to host"
    assert hints_for(why, own) == "; its `peers` have of 192.0.2.41 the port 5432 only"
    assert hints_for(why.replace("41", "40"), own) == ""


def test_a_service_without_peers_is_told_that_it_has_none() -> None:
    nowhere = "127.0.0.1 is not among its `peers`: it may connect nowhere"
    own = unit(less="IPAddressAllow=localhost 192.0.2.0/24 2001:db8::7\n")
    assert hints_for("Error 113 connecting to 127.0.0.1:6379. No route to host.", own) == f"; {nowhere}"


def test_a_full_file_system_is_named_whatever_the_release_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full disk the journal may have nothing of what went wrong."""
    monkeypatch.setattr(hints, "_is_full", lambda path: str(path).startswith("/var/lib"))
    full = "; no space is left on the file system of /var/lib/orders, /var/lib/shop"
    assert hints_for("nothing in its journal; see journalctl -u orders@1.service", unit()) == full


def test_a_file_system_is_full_when_a_service_can_write_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def stat(room: int, files: int) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 1000, 1000, room, 1000, 1000, files, 0, 255))

    for room, files, full in ((0, 9, True), (1000, 0, True), (1000, 9, False)):
        monkeypatch.setattr(os, "statvfs", lambda _, room=room, files=files: stat(room, files))
        assert hints._is_full(Path("/")) is full


TABLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROWS = """\
   0: 0100007F:C350 097100CB:1538 02 00000001:00000000 01:00000064 00000000  1000        0 1 1 0 20 0 0 10 -1
   1: 0100007F:C351 0A7100CB:1538 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 0 0 10 -1
   2: 0100007F:C352 0B7100CB:1538 02 00000001:00000000 01:00000064 00000000  2000        0 1 1 0 20 0 0 10 -1
"""
ROWS6 = (
    "   0: 00000000000000000000000000000000:C353 B80D0120000000000000000008000000:01BB 02 00000001:00000000"
    " 01:00000064 00000000  1000        0 1 1 0 20 0 0 10 -1\n"
)


def test_a_connection_that_nobody_answers_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets to who is not among the peers are dropped: the release says nothing, and waits."""
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=1000))
    (machine / "tcp").write_text(TABLE + ROWS)
    assert reach.unanswered(unit()) == ["203.0.113.9 port 5432"]
    (machine / "tcp6").write_text(TABLE + ROWS6)
    assert reach.unanswered(unit()) == ["2001:db8::8 port 443", "203.0.113.9 port 5432"]


def test_a_release_that_is_not_ready_is_told_with_all_that_is_to_be_seen_of_it(
    machine: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=1000))
    monkeypatch.setattr(health, "answer", lambda *_: (503, "not yet"))
    (machine / "tcp").write_text(TABLE + ROWS)
    systemd.journal["_SYSTEMD_UNIT=orders@1.service"] = ["[7] [INFO] Booting worker", "ERROR: no cache"]
    monkeypatch.setattr(time, "monotonic", iter(range(1, 99)).__next__)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(SwitchError) as caught:
        starting.start_until_ready("orders@1.service", Path("/nowhere"), unit())
    assert str(caught.value) == (
        "not ready within 1 s (deadlines.ready): GET /health/ready answered 503: not yet; its journal says ERROR: no"
        " cache; it waits for 203.0.113.9 port 5432 to answer"
    )
