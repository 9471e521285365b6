"""Why a release was refused is said in the words that tell most."""

import pytest
from flask_microservice.errors import SwitchError
from flask_microservice.journal import last_words, most_telling
from flask_microservice.starting import STOPPED, require_running
from flask_microservice.systemd import failed_command, show, systemctl
from program_node import Systemd

TRACEBACK = ["Traceback (most recent call last):", 'File "/x.py", line 1, in <module>', "raise RuntimeError(x)"]


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        ([*TRACEBACK, "RuntimeError: there is no way"], "RuntimeError: there is no way"),
        # Wrapped by click: what it says last is what was made for people.
        ([*TRACEBACK, "RuntimeError: inner", "Error: no database at db1"], "Error: no database at db1"),
        (["Usage: orders db [OPTIONS]", "Try 'orders --help'.", "Error: No such command 'upgrad'."],
         "Error: No such command 'upgrad'."),
        (["Error: first", *TRACEBACK, "ValueError: second"], "ValueError: second"),
        # Chained exceptions: the last one says what it came to.
        (["KeyError: 'x'", "During handling of the above exception, another exception occurred:", *TRACEBACK,
          "orders.config.ConfigError: unknown key levle in [log]"],
         "orders.config.ConfigError: unknown key levle in [log]"),
        # One without a text says less than one with it.
        (["OSError: [Errno 28] No space left on device", *TRACEBACK, "AssertionError"],
         "OSError: [Errno 28] No space left on device"),
        ([*TRACEBACK, "AssertionError"], "AssertionError"),
        (["sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused",
          "(Background on this error at: https://sqlalche.me/e/20/e3q8)"],
         "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused"),
        (["usage: gunicorn [OPTIONS] [APP_MODULE]", "gunicorn: error: unrecognized arguments: --nosuch"],
         "gunicorn: error: unrecognized arguments: --nosuch"),
        (["[2026-01-01 00:00:00 +0000] [7] [ERROR] Exception in worker process", *TRACEBACK,
          "ModuleNotFoundError: No module named 'nosuch'",
          "[2026-01-01 00:00:00 +0000] [6] [ERROR] Worker (pid:7) exited with code 3"],
         "ModuleNotFoundError: No module named 'nosuch'"),
        (["INFO [alembic] Context", "ERROR [flask_migrate] Error: Can't locate revision '7'", "bye"],
         "ERROR [flask_migrate] Error: Can't locate revision '7'"),
        (["orders.socket: Failed to create listening socket (0.0.0.0:7001): Address already in use",
          "Failed to listen on orders.socket."],
         "orders.socket: Failed to create listening socket (0.0.0.0:7001): Address already in use"),
        (["orders@1.service: Failed at step EXEC spawning /opt/venvs/orders/bin/gunicorn: No such file or directory",
          "orders@1.service: Main process exited, code=exited, status=203/EXEC"],
         "orders@1.service: Failed at step EXEC spawning /opt/venvs/orders/bin/gunicorn: No such file or directory"),
        (["starting", "giving up"], "giving up"),
        (["Errors are fun"], "Errors are fun"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_reason_is_in_the_message(lines: list[str], telling: str) -> None:
    assert most_telling(lines) == telling


def test_a_reason_as_long_as_a_book_does_not_fill_the_report() -> None:
    assert len(most_telling(["Error: " + "x" * 10000])) == 500


@pytest.mark.usefixtures("systemd")
def test_a_silent_unit_is_named_with_how_to_see_more() -> None:
    assert last_words("orders@1.service") == "nothing in its journal; see journalctl -u orders@1.service"


def entry(argv: str, end: str, ignored: str = "no") -> str:
    times = "start_time=[Tue 2026-01-06 10:00:00 UTC] ; stop_time=[Tue 2026-01-06 10:00:01 UTC]"
    return f"ExecStartPre={{ path=/bin/sh ; argv[]={argv} ; ignore_errors={ignored} ; {times} ; {end} }}\n"


DONE = "pid=41 ; code=exited ; status=0"
FAILED = "pid=42 ; code=exited ; status=1"
KILLED = "pid=43 ; code=killed ; status=15/TERM"
RUNNING = "pid=44 ; code=(null) ; status=0/0"
NEVER = (
    "ExecStartPre={ path=/bin/true ; argv[]=/bin/true ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a]"
    " ; pid=0 ; code=(null) ; status=0/0 }\n"
)


@pytest.mark.parametrize(
    ("shown", "command"),
    [
        ("", ""),
        ("ExecStartPre=\n", ""),
        (NEVER, ""),
        (entry("migrate", DONE), ""),
        (entry("migrate", FAILED), "migrate"),
        (entry("migrate", KILLED), "migrate"),
        (entry("migrate", RUNNING), "migrate"),
        (entry("migrate", FAILED, ignored="yes"), ""),
        (entry("migrate", DONE) + entry("second", FAILED), "second"),
        (entry("migrate", FAILED) + NEVER, "migrate"),
        (entry("optional", FAILED, ignored="yes") + entry("migrate", DONE), ""),
        # What a command is given can look like what systemd says of it.
        (entry("echo status=1 ; code=exited", DONE), ""),
        (entry("echo ; ignore_errors=yes ; pid=1 ; code=exited ; status=0 }", FAILED),
         "echo ; ignore_errors=yes ; pid=1 ; code=exited ; status=0 }"),
        (entry("echo two\n\nlines status=2", DONE), ""),
        (entry("echo two\n\nlines", FAILED), "echo two\n\nlines"),
    ],
)  # fmt: skip
def test_only_a_command_that_failed_is_blamed(shown: str, command: str) -> None:
    assert failed_command(shown) == command


MIGRATE = "/bin/sh -c test -e /opt/releases/orders/1/migrated || exec orders db upgrade"


@pytest.mark.parametrize(
    ("executed", "what", "message"),
    [
        (entry(MIGRATE, FAILED), "", "its migrations failed: RuntimeError: no way"),
        (entry("/bin/false", FAILED), "", "its ExecStartPre= failed, /bin/false: RuntimeError: no way"),
        (entry(MIGRATE, DONE), "", "it did not start: RuntimeError: no way"),
        (None, "", "it did not start: RuntimeError: no way"),
        (entry(MIGRATE, DONE), STOPPED, "it was ready, but then it stopped: RuntimeError: no way"),
    ],
)
def test_what_failed_is_not_confused_with_migrations(
    executed: str | None, what: str, message: str, systemd: Systemd
) -> None:
    systemd.failing["orders@1.service"] = "RuntimeError: no way"
    if executed is not None:
        systemd.executed["orders@1.service"] = executed
    with pytest.raises(SwitchError) as caught:
        require_running("orders@1.service", what)
    assert str(caught.value) == message


def test_an_application_that_started_and_crashed_is_not_a_failed_migration(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.failing["orders@1.service"] = "RuntimeError: no way"
    shown = {"ExecMainStartTimestampMonotonic": "99", "ExecStartPre": entry(MIGRATE, FAILED)}
    ask = systemd._property
    monkeypatch.setattr(systemd, "_property", lambda unit, name: shown.get(name) or ask(unit, name))
    with pytest.raises(SwitchError, match="it did not start"):
        require_running("orders@1.service")


def test_one_call_tells_of_many_units(systemd: Systemd) -> None:
    systemd.active = {"a.service"}
    shown = show(["a.service", "b.service"], "ActiveState")
    assert {unit: state["ActiveState"] for unit, state in shown.items()} == {
        "a.service": "active", "b.service": "inactive",
    }  # fmt: skip
    assert show([], "ActiveState") == {}


def test_what_systemctl_prints_is_in_the_error(systemd: Systemd) -> None:
    systemd.failing["a.service"] = ""
    with pytest.raises(SwitchError, match=r"^systemctl start a\.service: Job for a\.service failed\.$"):
        systemctl("start", "a.service")
