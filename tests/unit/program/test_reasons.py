"""Why a release was refused is said in the words that tell most."""

import pytest
from flask_microservice.errors import SwitchError
from flask_microservice.journal import last_words, most_telling
from flask_microservice.starting import STOPPED, require_running
from flask_microservice.systemd import failed_command, show, systemctl
from flask_microservice.unit import Unit
from program_node import UNIT, Systemd

TRACEBACK = ["Traceback (most recent call last):", 'File "/x.py", line 1, in <module>', "raise RuntimeError(x)"]
BOOTING = [
    "[2026-01-01 00:00:00 +0000] [6] [INFO] Starting gunicorn 27.0.1",
    "[2026-01-01 00:00:00 +0000] [6] [INFO] Listening at: unix:/run/x.sock (6)",
    "[2026-01-01 00:00:00 +0000] [7] [INFO] Booting worker with pid: 7",
]


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
        (["SECRET_KEY is not set", *BOOTING], "SECRET_KEY is not set"),
        (BOOTING, ""),
        (["DEBUG:shop:reading settings", '{"level": "info", "event": "started"}', "level=debug msg=x"], ""),
        # What the debug information is about is no log's level.
        (["giving up, see the debug info"], "giving up, see the debug info"),
        # An exception of any name, with the module that it is from.
        (["django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.", "bye"],
         "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty."),
        (["Fatal Python error: init_fs_encoding: failed to get the codec", "", "Current thread 0x7f"],
         "Fatal Python error: init_fs_encoding: failed to get the codec"),
        # The line that ends the traceback says only that something follows.
        ([*TRACEBACK, "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings", "SECRET_KEY",
          "Field required [type=missing, input_value={}, input_type=dict]", *BOOTING[:1]],
         "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings SECRET_KEY"
         " Field required [type=missing, input_value={}, input_type=dict]"),
        # What flask prints of an application that can't be imported, before it misses the command that it would have.
        (["Error: While importing 'shop.application', an ImportError was raised:", *TRACEBACK,
          "ModuleNotFoundError: No module named 'psycopg'", "Usage: shop [OPTIONS] COMMAND [ARGS]...",
          "Error: No such command 'db'."],
         "Error: No such command 'db'. (after ModuleNotFoundError: No module named 'psycopg')"),
        ([*TRACEBACK, "OSError: [Errno 28] No space left on device: '/tmp/x'", *TRACEBACK, "RuntimeError: no cache"],
         "RuntimeError: no cache (after OSError: [Errno 28] No space left on device: '/tmp/x')"),
        (["| ExceptionGroup: two (2 sub-exceptions)", "+-+---------------- 1 ----------------",
          "| OSError: [Errno 28] No space left on device: '/x'", "+------------------------------------"],
         "OSError: [Errno 28] No space left on device: '/x'"),
        (["sh: 1: /opt/venvs/shop/bin/shop: not found"], "sh: 1: /opt/venvs/shop/bin/shop: not found"),
        (['{"level": "error", "event": "cannot reach db1"}', '{"level": "info", "event": "bye"}'],
         '{"level": "error", "event": "cannot reach db1"}'),
        (["level=error msg=lost", "level=info msg=bye"], "level=error msg=lost"),
        (["[2026-01-01 00:00:00 +0000] [6] [WARNING] Worker (pid:7) was sent SIGSEGV!", *BOOTING],
         "Worker (pid:7) was sent SIGSEGV!"),
        (["worker says no", "[2026-01-01 00:00:00 +0000] [6] [ERROR] Worker (pid:7) exited with code 1.", *BOOTING],
         "Worker (pid:7) exited with code 1. (after worker says no)"),
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


def test_a_unit_that_said_only_what_goes_on_is_told_by_how_it_ended(systemd: Systemd) -> None:
    systemd.journal["_SYSTEMD_UNIT=orders@1.service"] = BOOTING
    systemd.journal["UNIT=orders@1.service"] = [
        "orders@1.service: Main process exited, code=killed, status=11/SEGV",
        "orders@1.service: Consumed 1.2s CPU time.",
    ]
    assert last_words("orders@1.service") == "it said nothing, and ended with code=killed, status=11/SEGV"


def test_a_unit_that_just_ended_is_told_so(systemd: Systemd) -> None:
    systemd.journal["UNIT=orders@1.service"] = ["orders@1.service: Deactivated successfully."]
    assert last_words("orders@1.service") == "it said nothing, and ended with no error"


def test_colours_of_a_log_do_not_hide_its_errors(systemd: Systemd) -> None:
    systemd.journal["_SYSTEMD_UNIT=orders@1.service"] = ["\x1b[31mERROR\x1b[0m no way", "\x1b[32mINFO\x1b[0m bye"]
    assert last_words("orders@1.service") == "ERROR no way"


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
        require_running("orders@1.service", Unit(UNIT), what)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("migrating", "message"),
    [
        (True, "its migrations did not end within 600 s (deadlines.migrate): RuntimeError: no way"),
        (False, "not ready within 600 s (deadlines.ready): RuntimeError: no way"),
    ],
)
def test_what_systemd_ended_when_its_time_was_over_names_the_time_and_its_key(
    migrating: bool, message: str, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.failing["orders@1.service"] = "RuntimeError: no way"
    if migrating:
        systemd.executed["orders@1.service"] = entry(MIGRATE, KILLED)
    ask = systemd._property
    monkeypatch.setattr(systemd, "_property", lambda unit, name: "timeout" if name == "Result" else ask(unit, name))
    unit = Unit(UNIT.replace("[Service]\n", "[Service]\nTimeoutStartSec=600\n"))
    with pytest.raises(SwitchError) as caught:
        require_running("orders@1.service", unit)
    assert str(caught.value) == message


def test_an_application_that_started_and_crashed_is_not_a_failed_migration(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.failing["orders@1.service"] = "RuntimeError: no way"
    shown = {"ExecMainStartTimestampMonotonic": "99", "ExecStartPre": entry(MIGRATE, FAILED)}
    ask = systemd._property
    monkeypatch.setattr(systemd, "_property", lambda unit, name: shown.get(name) or ask(unit, name))
    with pytest.raises(SwitchError, match="it did not start"):
        require_running("orders@1.service", Unit(UNIT))


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
