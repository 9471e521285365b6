"""What an operator types is understood or refused in one sentence, and two at once do not meet."""

import ast
import contextlib
import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_microservice import commands, lock, places
from flask_microservice.commands import COMMANDS, main
from flask_microservice.errors import SwitchError
from flask_microservice.service import Service
from program_node import Node

FILES = Path(__file__).parents[3] / "modules/flask_microservice/files"


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {' '.join(['flask-microservice', *command])} ")


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nosuch"], ["switch"], ["switch", "a", "--nosuch"], ["rollback"], ["undrain"],
        ["drain"], ["drain", "--all", "a"], ["drain", "--all", "--wait", "-1"], ["drain", "--all", "--wait", "nan"],
        ["drain", "--all", "--wait", "long"], ["remove"], ["remove", "a", "--drain", "inf"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_does_nothing_and_is_told_apart_from_a_failure(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: flask-microservice" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["status"], ["switch", "orders"], ["drain", "--all"], ["undrain", "orders"], ["remove", "orders"]]
)
def test_who_is_not_root_is_told_so_before_anything_is_done(
    arguments: list[str], node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(arguments) == 1
    assert capsys.readouterr().err.endswith("only root can do that\n")
    assert list((node.root / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SwitchError("why"), "flask-microservice: orders: why\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/run/x"),
         "flask-microservice: orders: No space left on device (/run/x)\n"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "systemctl"),
         "flask-microservice: orders: No such file or directory (systemctl)\n"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_that_names_the_service(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setitem(commands.COMMANDS, "switch", fail)
    assert main(["switch", "orders"]) == 1
    assert capsys.readouterr().err == message


def test_a_service_drains_until_it_is_taken_back(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = node.declare()
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    assert main(["drain", "orders", "nosuch"]) == 1
    assert "no such service on this node: nosuch" in capsys.readouterr().err
    assert not service.draining.exists()
    assert main(["drain", "--all", "--wait", "5"]) == 0
    assert (service.draining.exists(), waited) == (True, [5.0])
    assert main(["undrain", "orders"]) == main(["undrain", "orders"]) == 0
    assert not service.draining.exists()


def test_a_machine_without_services_goes_down_at_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    assert main(["drain", "--all", "--wait", "60"]) == 0
    assert (waited, list((node.root / "run").iterdir())) == ([], [])


@pytest.mark.usefixtures("node")
def test_of_two_switches_the_second_waits_and_then_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, slept = contextlib.ExitStack(), []
    first.enter_context(lock.locked(Service("orders")))

    def let_go(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            first.close()

    monkeypatch.setattr(time, "sleep", let_go)
    with lock.locked(Service("orders")):
        assert len(slept) == 3
    assert capsys.readouterr().err == f"orders: waiting for another switch (process {os.getpid()})\n"


HOLD = (
    "import fcntl, os, sys\nfile = open(sys.argv[1])\nfcntl.flock(file, fcntl.LOCK_EX)\n"
    "print('held', flush=True)\nsys.stdin.read()\n"
)


@contextlib.contextmanager
def holding(path: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which holds a lock that it may only read."""
    command = [sys.executable, "-c", HOLD, str(path), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        try:
            yield other
        finally:
            other.kill()


@pytest.mark.usefixtures("node")
def test_a_switch_that_never_ends_is_named_to_the_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.2)
    with lock.locked(Service("orders")):
        pass
    path = places.LOCKS / "orders"
    with holding(path) as other:
        path.write_text(str(other.pid))
        with pytest.raises(SwitchError, match=rf"\(process {other.pid}\) has not ended after 0 s"):
            lock.locked(Service("orders")).__enter__()
        with lock.locked(Service("inventory")):
            pass  # another service is not held up
    # A lock that its holder was killed with is none.
    with lock.locked(Service("orders")):
        assert path.read_text() == str(os.getpid())


def test_nobody_but_root_can_take_a_lock(node: Node) -> None:
    """Whoever can open a file, be it to read, can lock it."""
    with lock.locked(Service("orders")):
        pass
    open_to_others = []
    for place, folders, files in os.walk(node.root):
        folders[:] = [name for name in folders if Path(place, name).stat().st_mode & 0o001]
        open_to_others += [name for name in files if Path(place, name).stat().st_mode & 0o044]
    assert open_to_others == []
    assert ((places.LOCKS / "orders").stat().st_mode & 0o777, places.LOCKS.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.usefixtures("node")
def test_a_lock_that_is_a_link_is_not_opened(tmp_path: Path) -> None:
    other = tmp_path / "other"
    places.LOCKS.mkdir()
    (places.LOCKS / "orders").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        lock.locked(Service("orders")).__enter__()
    assert not other.exists()


@pytest.mark.usefixtures("node")
def test_a_lock_of_before_is_waited_for_if_a_switch_of_before_has_it_and_else_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then, everybody could open it: a service that held it had every switch of its node fail."""
    monkeypatch.setattr(os, "geteuid", os.getuid)
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.5)
    before = places.RUN / "orders.lock"
    before.write_text("")
    with holding(before, "flask-microservice") as other:
        before.write_text(str(other.pid))
        with pytest.raises(SwitchError, match=rf"\(process {other.pid}\) has not ended"):
            lock.locked(Service("orders")).__enter__()
    capsys.readouterr()
    for ended in (str(other.pid), "", "4711/../self", str(os.getpid()), str(os.getppid())):
        before.write_text(ended)
        with holding(before), lock.locked(Service("orders")):
            assert capsys.readouterr().err == "", ended
    before.unlink()
    before.symlink_to("/dev/null")
    with lock.locked(Service("orders")):
        pass


def test_the_installed_program_starts_without_anything_of_its_caller(tmp_path: Path) -> None:
    installed = tmp_path / "flask-microservice"
    launcher = (FILES / "program/launcher.py").read_text(encoding="utf-8")
    there = '"/usr/local/lib/flask-microservice"'
    assert launcher.startswith("#!/usr/bin/python3 -I\n")
    assert there in launcher
    installed.write_text(launcher.replace(there, repr(str(FILES / "program"))))
    installed.chmod(0o755)
    # A module of the caller's that stands where one of the standard library is would run as root.
    (tmp_path / "argparse.py").write_text("raise SystemExit(99)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    shown = subprocess.run(
        [str(installed), "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: flask-microservice ")


def test_nothing_but_the_standard_library_is_needed_on_a_node() -> None:
    modules = list(FILES.glob("program/flask_microservice/*.py"))
    assert len(modules) > 10
    for path in modules:
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(statement, ast.ImportFrom) and not statement.level:
                names = [statement.module or ""]
            elif isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            else:
                continue
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names, path.name
