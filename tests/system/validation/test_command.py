"""What a person, a hook and a CI server get of `fleet validate`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from .conftest import REPO, edit

WAIT_SECONDS = 60.0
WRONG = {"hieradata/tiers/production.yaml": ("drain_seconds: 5", "drain_seconds: '5'")}
LINE = "hieradata/tiers/production.yaml:19:36: wrong-type: expected Integer[0, 86400], got '5'; without quotes: 5"


@pytest.fixture(scope="module")
def source(packages: Path) -> tuple[str, ...]:
    return ("--packages", str(packages))


def fleet(repo: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleet_cli", "-C", str(repo), "validate", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd)


def test_status_0_says_that_nothing_is_wrong(repo: Path, source: tuple[str, ...]) -> None:
    result = fleet(repo, *source)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.splitlines()[-1] == "nothing is wrong"


def test_status_1_and_a_line_for_each_finding(repo: Path, source: tuple[str, ...]) -> None:
    edit(repo, WRONG)
    result = fleet(repo, *source)
    assert (result.returncode, result.stdout, result.stderr) == (1, LINE + "\n", "1 finding in 1 file\n")


def test_a_program_gets_a_list_of_findings(repo: Path, source: tuple[str, ...]) -> None:
    edit(repo, WRONG)
    result = fleet(repo, "--json", *source)
    assert result.returncode == 1
    assert json.loads(result.stdout) == [
        {
            "file": "hieradata/tiers/production.yaml", "line": 19, "column": 36, "code": "wrong-type",
            "message": "expected Integer[0, 86400], got '5'", "suggestion": "without quotes: 5",
        }
    ]  # fmt: skip
    edit(repo, {name: (new, old) for name, (old, new) in WRONG.items()})
    assert json.loads(fleet(repo, "--json", *source).stdout) == []


def test_a_ci_server_gets_a_failed_test_for_each_finding(repo: Path, source: tuple[str, ...], tmp_path: Path) -> None:
    report = tmp_path / "validate.xml"
    assert fleet(repo, "--junit", str(report), *source).returncode == 0
    (suite,) = ElementTree.parse(report).getroot()  # noqa: S314 - written above
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    edit(repo, WRONG)
    assert fleet(repo, "--junit", str(report), *source).returncode == 1
    (suite,) = ElementTree.parse(report).getroot()  # noqa: S314 - written above
    (case,) = suite.findall("testcase")
    (failure,) = case.findall("failure")
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert (case.get("file"), case.get("line"), failure.text) == ("hieradata/tiers/production.yaml", "19", LINE)


def test_only_what_is_asked_for_is_told_and_what_is_between_it_and_others(repo: Path, source: tuple[str, ...]) -> None:
    edit(repo, WRONG)
    edit(repo, {"hieradata/services/orders.yaml": ("7001", "7002")})
    other = fleet(repo, "hieradata/common.yaml", "site", *source)
    assert (other.returncode, other.stdout) == (0, "")
    # The port is the second one in orders.yaml; inventory.yaml has the first.
    pair = fleet(repo, "hieradata/services/inventory.yaml", *source)
    assert pair.stdout.startswith("hieradata/services/orders.yaml:4:5: shared-port:")
    assert len(pair.stdout.splitlines()) == 1
    assert len(fleet(repo, "hieradata", *source).stdout.splitlines()) == 2
    below = fleet(repo, "tiers", *source, cwd=repo / "hieradata")
    assert below.stdout.splitlines() == [LINE]


def test_status_2_says_what_keeps_it_from_running(repo: Path, tmp_path: Path, source: tuple[str, ...]) -> None:
    nowhere = fleet(repo, "hieradata/nodes/nobody.yaml", *source)
    assert (nowhere.returncode, nowhere.stderr) == (2, "fleet: hieradata/nodes/nobody.yaml: there is no such file\n")
    outside = fleet(repo, "/etc/hostname", *source)
    assert outside.returncode == 2
    assert "not in the control repository" in outside.stderr
    (tmp_path / "empty").mkdir()
    empty = fleet(tmp_path / "empty")
    assert empty.returncode == 2
    assert "there is no hiera.yaml: is this a control repository?" in empty.stderr
    unwritable = fleet(repo, "--junit", str(tmp_path / "none" / "report.xml"), *source)
    assert unwritable.returncode == 2
    assert "Traceback" not in unwritable.stderr


def test_the_schema_for_editors_is_where_they_look(repo: Path) -> None:
    result = fleet(repo, "--write-schema")
    assert (result.returncode, result.stdout) == (0, f"{repo}/dist/hieradata.schema.json\n")
    schema = json.loads((repo / "dist/hieradata.schema.json").read_text(encoding="utf-8"))
    assert "flask_microservice::services" in schema["properties"]


def test_a_comment_allows_a_finding_of_its_code_and_no_other(repo: Path, source: tuple[str, ...]) -> None:
    allow = "# fleet: allow {}: the balancer is slow\nflask_microservice::drain_seconds: '5'"
    edit(
        repo, {"hieradata/tiers/production.yaml": ("flask_microservice::drain_seconds: 5", allow.format("wrong-type"))}
    )
    assert fleet(repo, *source).returncode == 0
    edit(repo, {"hieradata/tiers/production.yaml": ("allow wrong-type", "allow unknown-key")})
    assert fleet(repo, *source).returncode == 1


def test_the_hooks_call_what_there_is() -> None:
    (local,) = yaml.safe_load((REPO / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = [*local["hooks"], *yaml.safe_load((REPO / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))]
    assert [hook["id"] for hook in hooks] == ["fleet-validate", "fleet-validate"]
    for hook in hooks:
        program, *arguments = hook["entry"].split()
        result = subprocess.run([REPO / program, *arguments, "--help"], capture_output=True, text=True, check=False)
        assert "Exit status 0: nothing is wrong" in result.stdout


def processes(repo: Path) -> list[int]:
    """The processes that have the path of a repository in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(repo).encode() in command:
                found.append(int(entry.name))
    return found


def waited_for(repo: Path, least: int, most: int) -> Iterator[bool]:
    end = time.monotonic() + WAIT_SECONDS
    while not least <= len(processes(repo)) <= most:
        assert time.monotonic() < end, processes(repo)
        time.sleep(0.02)  # between two looks
    yield True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_it_leaves_no_process_behind(repo: Path, number: signal.Signals) -> None:
    # Enough for yamllint to be given processes of its own, which then have work for a while.
    for count in range(3_000):
        (repo / f"hieradata/nodes/node{count}.yaml").write_text(
            f"---\n# {repo}\nprofile::base::packages:\n" + f"  - package{count}\n" * 30, encoding="utf-8"
        )
    command = [sys.executable, "-m", "fleet_cli", "-C", str(repo), "validate"]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert next(waited_for(repo, least=2, most=100))
        child.send_signal(number)
        _, said = child.communicate(timeout=WAIT_SECONDS)
        assert child.returncode == (-9 if number == signal.SIGKILL else 130)
        assert b"Traceback" not in said
    assert next(waited_for(repo, least=0, most=0))
