"""What `fleet test` does to the boxes before it tests them: nothing, unless it is told to or there are none yet."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from fleet_cli import cli
from fleet_cli.development import beside, suite
from fleet_cli.lab import laboratory
from fleet_cli.machine import host
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import clones, labfile
from fleet_cli.roots import forge, rootfs
from fleet_cli.sandbox import images

REPO = Path(__file__).resolve().parents[3]
HEAD, OTHER = "a" * 40, "b" * 40
NODE_TESTS = """\
import pathlib, sys
import pytest
from fleet_cli.machine import paths
paths.SSH_CONFIG = pathlib.Path(sys.argv[1])
sys.exit(pytest.main(["-q", "tests/node", *sys.argv[2:]]))
"""


@dataclass
class Boxes:
    """A lab, and what was done to it; `deployed` is empty where there is none."""

    deployed: str
    missing: list[str] = field(default_factory=list)
    brought_up: int = 0
    tested: list[Mapping[str, str]] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)

    def up(self, *_: object) -> None:
        self.brought_up += 1
        self.deployed, self.missing = HEAD, []

    def run_pytest(
        self, command: list[str], *, env: Mapping[str, str], **_: object
    ) -> subprocess.CompletedProcess[str]:
        self.tested.append(env)
        self.commands.append(command)
        return subprocess.CompletedProcess([], 0)

    def run_beside(self, _name: str, command: list[str], _cwd: Path, env: Mapping[str, str]) -> int:
        return self.run_pytest(command, env=env).returncode

    def told(self, *arguments: str) -> int:
        """Run `fleet test` with these arguments; return its exit status."""
        return CliRunner().invoke(cli.fleet, ["test", *arguments]).exit_code


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> Boxes:
    """A whole lab with another commit than HEAD deployed."""
    made = Boxes(OTHER)
    monkeypatch.setattr(host, "why_no_containers", lambda: None)
    monkeypatch.setattr(host, "require_debian_root", lambda: None)
    monkeypatch.setattr(host, "ensure_packages", lambda _: None)
    monkeypatch.setattr(clones, "head", lambda _repo: HEAD)
    monkeypatch.setattr(laboratory, "up", made.up)
    monkeypatch.setattr(laboratory, "stands", lambda *_: made.deployed == HEAD and not made.missing)
    for name, answer in (
        ("exists", lambda _lab: bool(made.deployed or made.missing)),
        ("missing", lambda _lab: made.missing),
        ("deployed_from", lambda _lab: made.deployed),
    ):
        monkeypatch.setattr(laboratory, name, answer, raising=False)
    monkeypatch.setattr(subprocess, "run", made.run_pytest)
    monkeypatch.setattr(beside.Beside, "run", made.run_beside)
    monkeypatch.setattr(host, "lock", nullcontext)  # these tests may run while a lab comes up
    return made


def test_node_tests_leave_what_is_deployed_and_say_what_it_is(boxes: Boxes, capsys: pytest.CaptureFixture[str]) -> None:
    lab = labfile.load(REPO / "lab.yaml")
    assert suite.run(lab, REPO, ["node"], [], require_lab=False) == 0
    assert (boxes.brought_up, boxes.deployed) == (0, OTHER)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if OTHER[:10] in line]
    assert all(word in line for word in (HEAD[:10], "fleet test node --deploy", "fleet deploy")), line


def test_nothing_is_said_where_head_is_deployed(boxes: Boxes, capsys: pytest.CaptureFixture[str]) -> None:
    boxes.deployed = HEAD
    assert suite.run(labfile.load(REPO / "lab.yaml"), REPO, ["node"], [], require_lab=False) == 0
    assert (boxes.brought_up, capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("arguments", [["--deploy", "node"], ["node", "--deploy"], ["node", "-q", "--deploy", "-x"]])
def test_head_is_deployed_where_that_is_asked_for(boxes: Boxes, arguments: list[str]) -> None:
    assert boxes.told(*arguments) == 0
    assert (boxes.brought_up, boxes.deployed) == (1, HEAD)
    assert [env["FLEET_TEST_DEPLOYED"] for env in boxes.tested] == [HEAD]


def test_tests_that_deploy_are_not_let_to_by_a_left_over_variable(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TEST_DEPLOYED", HEAD)
    assert boxes.told("node") == 0
    assert ["FLEET_TEST_DEPLOYED" in env for env in boxes.tested] == [False]


@pytest.mark.parametrize("option", ["--collect-only", "--co", "--fixtures", "--markers", "--help", "-h", "--version"])
@pytest.mark.parametrize("deployed", ["", OTHER], ids=["no lab", "a lab"])
def test_an_option_that_runs_nothing_brings_nothing_up(boxes: Boxes, option: str, deployed: str) -> None:
    boxes.deployed = deployed
    assert boxes.told("node", "--deploy", "-q", option) == 0
    assert (boxes.brought_up, boxes.deployed, len(boxes.tested)) == (0, deployed, 1)


def test_without_a_part_all_are_run_and_options_go_to_pytest(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.ci/run` says no part: it would end before its first test."""
    monkeypatch.setattr(rootfs, "ensure_layer", lambda _name: None)
    monkeypatch.setattr(images, "ensure", lambda _name: None)
    monkeypatch.setattr(forge, "ensure", lambda: None)
    words = shlex.split((REPO / ".ci/run").read_text(encoding="utf-8").splitlines()[-1])
    assert boxes.told(*words[words.index("test") + 1 :]) == 0
    assert sorted(command[3] for command in boxes.commands) == [
        "tests/catalog", "tests/node", "tests/system", "tests/unit",
    ]  # fmt: skip
    assert {command[-1] for command in boxes.commands} == {"--durations=25"}


def test_a_part_that_there_is_not_is_named(boxes: Boxes) -> None:
    result = CliRunner().invoke(cli.fleet, ["test", "nodes"])
    assert (result.exit_code, boxes.commands) == (2, [])
    assert "'nodes' is none of all, unit, system, catalog, node, drill" in result.output


def test_a_drill_without_boxes_brings_up_none_and_runs_alone(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "ensure_layer", lambda _name: None)
    monkeypatch.setattr(images, "ensure", lambda _name: None)
    monkeypatch.setattr(forge, "ensure", lambda: None)
    boxes.deployed = ""
    assert boxes.told("drill", "patches") == 0
    ((command, brought_up),) = [(command, boxes.brought_up) for command in boxes.commands]
    assert brought_up == 0
    assert command[command.index("tests/system") :] == ["tests/system", "-m", "drill", "-k", "test_patches", "-s"]


def test_where_there_is_no_lab_one_is_brought_up(boxes: Boxes) -> None:
    boxes.deployed = ""
    assert boxes.told("node") == 0
    assert (boxes.brought_up, len(boxes.tested)) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "at_once"),
    [
        (["unit"], True),
        (["unit", "-k", "suite"], True),
        (["unit", "tests/unit/development/test_suite.py"], False),
        (["unit", "-s"], False),
        (["node"], False),
    ],
)
def test_tests_that_may_meet_run_one_after_the_other(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, at_once: bool
) -> None:
    """Two tests that deploy at once would each fail by what the other does."""
    monkeypatch.setattr(rootfs, "ensure_layer", lambda _name: None)
    monkeypatch.setattr(images, "ensure", lambda _name: None)
    monkeypatch.setattr(forge, "ensure", lambda: None)
    assert boxes.told(*arguments) == 0
    assert ["--numprocesses" in command for command in boxes.commands] == [at_once]


def test_a_lab_that_does_not_come_up_beside_the_catalogs_fails_the_node_tests_alone(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lab comes up while catalogs are compiled; what goes wrong there must not be lost."""
    monkeypatch.setattr(rootfs, "ensure_layer", lambda _name: None)
    monkeypatch.setattr(images, "ensure", lambda _name: None)
    monkeypatch.setattr(forge, "ensure", lambda: None)
    lab, parts = labfile.load(REPO / "lab.yaml"), ["unit", "catalog", "node"]
    assert suite.run(lab, REPO, parts, [], deploy=True) == 0
    assert (boxes.brought_up, sorted("FLEET_TEST_DEPLOYED" in env for env in boxes.tested)) == (1, [False, False, True])

    def broken(*_: object) -> None:
        raise FleetError("box app1 did not boot")

    boxes.deployed, boxes.tested = "", []
    monkeypatch.setattr(laboratory, "up", broken)
    assert suite.run(lab, REPO, parts, [], deploy=True) == 1
    assert len(boxes.tested) == 2
    assert "box app1 did not boot" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["box app1 is not running", "box app1 is not enrolled"])
def test_a_lab_that_is_not_whole_is_named_and_not_touched(
    boxes: Boxes, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes.missing = [missing]
    assert suite.run(labfile.load(REPO / "lab.yaml"), REPO, ["node"], [], require_lab=False) == 1
    assert (boxes.brought_up, boxes.tested) == (0, [])
    said = capsys.readouterr().err
    assert missing in said
    assert "`fleet lab up`" in said
    assert boxes.told("node", "--deploy") == 0
    assert boxes.brought_up == 1


def node_tests(ssh_config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on the node tests of a machine with this ssh configuration of boxes."""
    inherited = {name: value for name, value in os.environ.items() if name != "FLEET_TEST_DEPLOYED"}
    return subprocess.run(
        [sys.executable, "-c", NODE_TESTS, str(ssh_config), *options],
        cwd=REPO, capture_output=True, text=True, check=False, env={**inherited, "PYTHONPATH": str(REPO / "scripts")},
    )  # fmt: skip


def test_node_tests_are_listed_where_no_lab_answers(tmp_path: Path) -> None:
    config = tmp_path / "ssh-config"
    config.touch()
    result = node_tests(config, "--collect-only")
    assert result.returncode == 0, result.stdout
    assert "tests/node/test_lab.py::test_status_is_what_a_machine_can_read" in result.stdout


def test_tests_that_deploy_are_skipped_with_the_reason(tmp_path: Path) -> None:
    if host.why_no_containers():
        pytest.skip("system containers can't run on this machine, which is their reason there")
    result = node_tests(tmp_path / "ssh-config", "-m", "deploys", "-rs")
    assert result.returncode == 0, result.stdout
    assert "it deploys, which `fleet test node --deploy` allows" in result.stdout
    counts = result.stdout.splitlines()[-1]
    assert "skipped" in counts
    assert not any(word in counts for word in ("passed", "failed", "error"))
