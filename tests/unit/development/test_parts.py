"""The parts of `fleet test`: what each asks of a machine, and which run beside which."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner
from fleet_cli import cli
from fleet_cli.development import beside, suite
from fleet_cli.machine import host
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile
from fleet_cli.roots import base, forge, rootfs
from fleet_cli.sandbox import images

REPO = Path(__file__).resolve().parents[3]
LAB = labfile.load(REPO / "lab.yaml")
SECONDS = 300.0
FLEET = """\
import sys
from fleet_cli import cli
from fleet_cli.development import suite
from fleet_cli.machine import host
host.why_no_containers = lambda: None
suite._prepare = lambda *_, **__: {}
suite.PARTS = suite.PARTS[1:]
sys.argv = ["fleet", "-C", sys.argv[1], "test", "-p", "no:cacheprovider"]
cli.main()
"""
"""`fleet test` on a machine with a lab that stands already."""
TOLD = """\
import os, pathlib, time

def noted(part):
    pathlib.Path(f"{part}.new").write_text(f"{os.getpid()} {os.nice(0)}")
    pathlib.Path(f"{part}.new").rename(part)

def waited_for(part):
    end = time.monotonic() + 300
    while not pathlib.Path(part).exists():
        assert time.monotonic() < end
        time.sleep(0.01)  # between two looks
"""
PASSES = "def test_it():\n    pass\n"
FAILS = "def test_it():\n    assert 'a mistake' == ''\n"


def waiting(part: str, other: str) -> str:
    """A test that says that it runs, and ends when a test of another part has said so."""
    return f"{TOLD}\ndef test_it():\n    noted({part!r})\n    waited_for({other!r})\n"


def checkout(directory: Path, **tests: str) -> Path:
    """A repository with a test in each part, which passes if none is given."""
    for part in suite.PARTS:
        (directory / "tests" / part).mkdir(parents=True)
        (directory / "tests" / part / f"test_{part}.py").write_text(tests.get(part, PASSES), encoding="utf-8")
    (directory / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", encoding="utf-8")
    (directory / "lab.yaml").write_bytes((REPO / "lab.yaml").read_bytes())
    return directory


@pytest.fixture
def lab_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "0")  # for few tests they would take most of the time
    monkeypatch.setattr(host, "why_no_containers", lambda: None)
    monkeypatch.setattr(suite, "_prepare", lambda *_, **__: {})


@pytest.mark.usefixtures("lab_stands")
def test_beside_the_boxes_others_run_at_a_low_priority_and_are_told_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    repo = checkout(tmp_path, catalog=waiting("catalog", "node"), node=waiting("node", "catalog"))
    assert suite.run(LAB, repo, ["system", "catalog", "node"], ["-p", "no:cacheprovider"]) == 0
    lines = capfd.readouterr().out.splitlines()
    for part in ("system", "catalog"):
        begin = next(n for n, line in enumerate(lines) if f" {part} tests, which ran beside " in line)
        end = next(n for n, line in enumerate(lines) if f" end of the {part} tests " in line)
        told = [line for line in lines[begin + 1 : end] if "test session starts" in line or "1 passed" in line]
        assert len(told) == 2, lines
    assert [line.partition(",")[0] for line in lines[-3:]] == [
        "system tests:   passed", "catalog tests:  passed", "node tests:     passed",
    ]  # fmt: skip
    priorities = {part: int((repo / part).read_text().split()[1]) for part in ("catalog", "node")}
    assert priorities == {"catalog": min(19, os.nice(0) + beside.NICENESS), "node": os.nice(0)}


@pytest.mark.usefixtures("lab_stands")
@pytest.mark.parametrize("failing", ["system", "node"])
def test_a_failure_on_either_side_fails_the_whole_and_keeps_no_other_from_running(
    failing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Recorder(monkeypatch, failing)
    assert suite.run(LAB, REPO, list(suite.PARTS), []) == 1
    outcomes = [line.partition(",")[0].split() for line in capsys.readouterr().out.splitlines()[-4:]]
    assert outcomes == [[part, "tests:", "FAILED" if part == failing else "passed"] for part in suite.PARTS]


@pytest.mark.usefixtures("lab_stands")
def test_what_failed_beside_the_boxes_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert suite.run(LAB, checkout(tmp_path, system=FAILS), ["system", "node"], ["-p", "no:cacheprovider"]) == 1
    assert "a mistake" in capfd.readouterr().out


@pytest.mark.parametrize(("chosen", "status"), [("no_such_test", 1), ("test_it", 0)])
def test_a_selection_that_chooses_nothing_has_not_passed(
    chosen: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    assert suite.run(LAB, checkout(tmp_path), ["unit"], ["-q", "-k", chosen]) == status
    assert f"unit tests:     {'none selected' if status else 'passed'}" in capfd.readouterr().out


def test_a_named_file_of_tests_runs_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    repo = checkout(tmp_path)
    (repo / "tests/unit/test_other.py").write_text(PASSES, encoding="utf-8")
    options = ["--collect-only", "-q", "tests/unit/test_other.py"]
    assert suite.run(LAB, repo, ["unit"], options) == 0
    collected = {line.partition("::")[0] for line in capfd.readouterr().out.splitlines() if "::" in line}
    assert collected == {"tests/unit/test_other.py"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_both_sides(number: signal.Signals, tmp_path: Path) -> None:
    """Tests that go on behind the back of the next call would share its lab, and its processors."""
    repo = checkout(tmp_path, system=waiting("system", "catalog"), node=waiting("node", "catalog"))
    environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts"), "PYTEST_XDIST_AUTO_NUM_WORKERS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", FLEET, str(repo)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        end = time.monotonic() + SECONDS
        while not all((repo / part).exists() for part in ("system", "node")):
            assert time.monotonic() < end
            time.sleep(0.01)  # between two looks
        child.send_signal(number)
        said, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 130, said.decode()
    for part in ("system", "node"):
        process = Path("/proc", (repo / part).read_text().split()[0])
        while process.exists() and "State:\tZ" not in (process / "status").read_text():
            assert time.monotonic() < end, part
    assert not (repo / "catalog").exists()


class Recorder:
    """Notes which parts would be run in the foreground, and which beside it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: str = "") -> None:
        self._failing = f"tests/{failing}"
        self.foreground: list[str] = []
        self.beside: list[str] = []
        monkeypatch.setattr(subprocess, "run", self._run)
        monkeypatch.setattr(beside.Beside, "run", self._run_beside)

    def _run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.foreground.append(command[3])
        return subprocess.CompletedProcess(command, int(command[3] == self._failing))

    def _run_beside(self, _name: str, command: list[str], _cwd: Path, _environment: Mapping[str, str]) -> int:
        self.beside.append(command[3])
        return int(command[3] == self._failing)


@pytest.mark.usefixtures("lab_stands")
@pytest.mark.parametrize(
    ("parts", "option", "beside_them"),
    [
        (suite.PARTS, "-q", ["tests/unit", "tests/system", "tests/catalog"]),
        (["catalog", "node"], "-q", ["tests/catalog"]),
        (["system", "catalog"], "-q", []),
        (suite.PARTS, "-s", []),
        (suite.PARTS, "--pdb", []),
        (suite.PARTS, "--collect-only", []),
    ],
    ids=" ".join,
)
def test_what_a_person_looks_at_runs_one_after_the_other(
    parts: list[str], option: str, beside_them: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Recorder(monkeypatch)
    assert suite.run(LAB, REPO, list(parts), [option]) == 0
    assert runs.beside == beside_them
    assert runs.foreground == [f"tests/{part}" for part in parts if f"tests/{part}" not in beside_them]


def test_where_no_box_can_run_nothing_is_beside_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite, "_prepare", lambda *_, **__: {})
    monkeypatch.setattr(host, "why_no_containers", lambda: "no cgroup2 hierarchy is mounted")
    runs = Recorder(monkeypatch)
    assert suite.run(LAB, REPO, list(suite.PARTS), []) == 0
    assert (len(runs.foreground), runs.beside) == (4, [])
    assert "THE NODE TESTS WERE SKIPPED" in capsys.readouterr().out


def test_unit_and_catalog_tests_need_no_root_and_the_system_tests_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise FleetError("this needs root")

    monkeypatch.setattr(host, "require_debian_root", refuse)
    monkeypatch.setattr(host, "lock", nullcontext)  # these tests may run while a lab comes up
    made: list[str] = []
    monkeypatch.setattr(images, "ensure", made.append)
    monkeypatch.setattr(forge, "ensure", lambda: None)
    runs = Recorder(monkeypatch)
    for part in ("unit", "catalog"):
        assert CliRunner().invoke(cli.fleet, ["test", part]).exit_code == 0
    result = CliRunner().invoke(cli.fleet, ["test", "system"])
    assert result.exit_code == 1
    assert "the system tests change root file systems of Debian 13: this needs root" in result.output
    assert "`fleet test unit` and `fleet test catalog` need no root" in result.output
    assert (runs.foreground, made) == (["tests/unit", "tests/catalog"], ["toolbox"])


def test_system_tests_install_what_a_bare_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(host, "require_debian_root", lambda: None)
    monkeypatch.setattr(host, "ensure_packages", installed.extend)
    monkeypatch.setattr(host, "lock", nullcontext)
    for module, name in ((images, "ensure"), (rootfs, "ensure_layer")):
        monkeypatch.setattr(module, name, lambda _: None)
    monkeypatch.setattr(forge, "ensure", lambda: None)
    Recorder(monkeypatch)
    assert suite.run(LAB, REPO, ["system"], []) == 0
    assert installed == ["bubblewrap", "mmdebstrap", "ruby", "uidmap"]


def test_a_unit_test_that_uses_a_root_file_system_is_told_where_it_belongs() -> None:
    with pytest.raises(pytest.fail.Exception, match="tests/system"):
        base.ensure()
