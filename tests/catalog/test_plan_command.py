"""`fleet plan` as it is called: its exit status, its files, and what is left when it is interrupted."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_cli.machine import paths

from .control import Control

FLEET = paths.control_repo() / "scripts/fleet"
SECONDS = 120


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Control:
    """A repository with another log level that is not committed."""
    made = Control(tmp_path_factory.mktemp("command"))
    made.replace("hieradata/services/orders.yaml", "level: info", "level: debug")
    return made


def fleet(control: Control, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(FLEET), "-C", str(control.directory), "plan", "--puppetdb", "none", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)


def test_the_exit_status_says_whether_something_changes(control: Control) -> None:
    same = fleet(control, "main", "main")
    assert (same.returncode, same.stdout.splitlines()[0].partition(": ")[2]) == (0, "nothing changes on 6 nodes")
    assert fleet(control).returncode == 2
    wrong = fleet(control, "nowhere")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("fleet: 'nowhere' names no commit of ")
    assert "Traceback" not in wrong.stderr
    assert fleet(control, "--nodse", "app1").returncode == 1
    assert fleet(control, "--json", "--markdown").returncode == 1


def test_json_goes_to_the_output_and_html_to_a_file(control: Control, tmp_path: Path) -> None:
    result = fleet(control, "--json", "--html", str(tmp_path / "plan.html"), "--tier", "staging")
    assert json.loads(result.stdout)["changed_nodes"] == ["staging1.fleet.test"]
    page = (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert "orders: new release 1.0.0-1" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_node_without_facts_is_named(control: Control) -> None:
    file = control.directory / "tests/catalog/debian13.json"
    text = file.read_text(encoding="utf-8")
    file.unlink()
    try:
        result = fleet(control)
    finally:
        file.write_text(text, encoding="utf-8")
    assert result.returncode == 1
    assert "no facts: PuppetDB was not asked" in result.stderr
    assert "tests/catalog/debian13.json" in result.stderr


def below(pid: int) -> Iterator[int]:
    """All processes that a process has started, and those that these have."""
    try:
        lists = [file.read_text(encoding="ascii") for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return  # it has ended meanwhile
    for child in (int(word) for line in lists for word in line.split()):
        yield child
        yield from below(child)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_goes_on_after_an_interruption(control: Control, how: signal.Signals) -> None:
    command = [str(FLEET), "-C", str(control.directory), "plan", "--puppetdb", "none", "--all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        compilers: list[int] = []
        while not compilers and child.poll() is None:
            time.sleep(0.02)  # between two looks
            compilers = [pid for pid in below(child.pid) if _is_compiler(pid)]
        started = list(below(child.pid))
        os.kill(child.pid, how)
        _, errors = child.communicate(timeout=SECONDS)
    assert child.returncode == 130
    assert "interrupted" in errors
    assert compilers
    for pid in started:
        _wait_until_gone(pid)


def _is_compiler(pid: int) -> bool:
    try:
        return b"/compiling/compiler.rb" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _wait_until_gone(pid: int) -> None:
    """Processes of a namespace are killed with its first one; that takes the kernel a moment."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], 10)
        assert ready or not alive(pid), f"process {pid} goes on"
    finally:
        os.close(descriptor)
