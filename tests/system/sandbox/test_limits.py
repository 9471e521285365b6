"""Foreign code that takes too much is ended, with a message, and the machine goes on; nothing of it stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_cli.machine import paths
from fleet_cli.machine.errors import CommandFailedError, FleetError, LimitError
from fleet_cli.sandbox import archives, limits, running
from fleet_cli.sandbox.limits import Limits

REPO = paths.control_repo()


def inside(script: str, **limited: int) -> str:
    """What a shell in a sandbox says, its errors among it."""
    result = running.run("", ["sh", "-c", script], check=False, limited=Limits(**limited))
    return result.stdout + result.stderr


def test_a_fork_bomb_gets_no_further_than_its_limit() -> None:
    script = "n=0; while [ $n -lt 100 ]; do sleep 60 & n=$((n+1)); done; echo all"
    said = inside(script, processes=20)
    assert "Cannot fork" in said or "Resource temporarily unavailable" in said
    assert "all" not in said.split()


def test_files_end_where_the_limit_is() -> None:
    said = inside("head -c 100M /dev/zero > /tmp/large; echo $?", scratch=2**24)
    assert "No space left on device" in said or "File size limit" in said or "File too large" in said


def test_so_do_their_number() -> None:
    script = f"cd /tmp && seq {limits.FILES + 1000} | xargs touch; echo done"
    assert "No space left on device" in inside(script)


def test_memory_ends_where_the_limit_is_and_what_holds_it_is_said() -> None:
    with pytest.raises(CommandFailedError, match=r"more than 0.25 GiB of memory \((each of|all) its processes"):
        running.run("", ["python3", "-c", "bytearray(2**30)"], limited=Limits(memory=2**28))


@pytest.mark.skipif(not Path("/run/systemd/system").is_dir(), reason="no systemd as PID 1, which alone makes cgroups")
def test_with_systemd_all_processes_together_have_the_memory_of_one() -> None:
    """Each alone stays far below the limit."""
    code = (
        "import os, signal\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        eaten = b'x' * (200 * 2**20)\n"
        "        signal.pause()\n"
        "_, status = os.wait()\n"
        "raise SystemExit(128 + os.WTERMSIG(status))\n"
    )
    with pytest.raises(CommandFailedError, match=r"all its processes together: a cgroup holds that"):
        running.run("", ["python3", "-c", code], limited=Limits(memory=2**29, seconds=60))


def test_who_prints_without_end_is_ended() -> None:
    with pytest.raises(LimitError, match=r"printed more than 1 MiB"):
        inside("yes", output=2**20)


def test_who_never_ends_is_ended_and_all_that_it_started() -> None:
    mark = f"7{os.getpid()}"
    with pytest.raises(LimitError, match=r"did not end within 2 s"):
        running.run("", ["sh", "-c", f"setsid sleep {mark} & sleep {mark}"], limited=Limits(seconds=2))
    wait_until_gone(mark)


def test_what_it_leaves_in_the_background_ends_with_it() -> None:
    mark = f"8{os.getpid()}"
    running.run("", ["sh", "-c", f"setsid nohup sleep {mark} >/dev/null 2>&1 &"])
    wait_until_gone(mark)


def test_a_killed_fleet_takes_it_along() -> None:
    mark = f"9{os.getpid()}"
    code = f"from fleet_cli.sandbox import running; running.run('', ['sleep', '{mark}'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(REPO / "scripts")}
    ) as fleet:
        wait_for(lambda: running_with(mark), "the sandbox was not started")
        fleet.send_signal(signal.SIGKILL)
    wait_until_gone(mark)


def running_with(mark: str) -> list[str]:
    """The processes of this machine whose command is a sleep of so many seconds."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            found.append(file.parent.name)
    return found


def wait_until_gone(mark: str) -> None:
    wait_for(lambda: not running_with(mark), "it goes on without fleet")


def wait_for(condition: Callable[[], object], otherwise: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def test_no_character_that_it_prints_moves_the_cursor() -> None:
    lines: list[str] = []
    running.run("", ["printf", r"\033[2Jgone\007\302\233A \342\200\256txt\n"], on_line=lines.append)
    assert lines == [r"\x1b[2Jgone\x07\x9bA \u202etxt"]


ESCAPES = {
    "a link to a file of the caller": "ln -s /etc/shadow stolen",
    "a link out": "mkdir d; ln -s ../../x d/x",
    "a named pipe": "mkfifo pipe",
}


@pytest.mark.parametrize("script", ESCAPES.values(), ids=ESCAPES)
def test_only_files_come_out(tmp_path: Path, script: str) -> None:
    archive = tmp_path / "out.tar"
    running.run("", ["sh", "-ec", f"mkdir /tmp/out; cd /tmp/out; {script}; tar --create ."], archive=archive)
    with pytest.raises(FleetError, match=r"what came out of the sandbox has"):
        archives.unpack(archive, tmp_path / "here")


def test_a_name_in_the_archive_that_leads_out_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "out.tar"
    running.run("", ["sh", "-ec", "cd /tmp; echo x > y; tar --create -P --transform=s,y,../y, y"], archive=archive)
    with pytest.raises(FleetError, match=r"\.\./y, which leads out of it"):
        archives.unpack(archive, tmp_path / "here")
    assert not (tmp_path / "y").exists()


def test_files_that_come_out_are_the_callers_own(tmp_path: Path) -> None:
    archive, target = tmp_path / "out.tar", tmp_path / "here"
    target.mkdir()
    script = "mkdir -p /tmp/out/d; cd /tmp/out; echo a > d/a; chmod 4755 d/a; ln -s d/a link; tar --create ."
    running.run("", ["sh", "-ec", script], archive=archive)
    archives.unpack(archive, target)
    found = (target / "d/a").stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (os.geteuid(), 0o755)
    assert (target / "link").read_text() == "a\n"
