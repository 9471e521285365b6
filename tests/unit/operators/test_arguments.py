"""What a person with a right passes to a program of root's is what that program is for, or nothing is done."""

import os
import subprocess
from pathlib import Path

import pytest
from operators.command_line import PROGRAMS
from operators_machine import Machine

FILES = Path(__file__).parents[3] / "site/profile/files/operators"
HOSTILE = [
    "", " ", "a b", "-x", "--server=evil.example.org", "--server", "--config=/tmp/x", "orders\n--server=evil", "a\0b",
    "../../etc/passwd", "/etc/passwd", "orders;id", "$(id)", "`id`", "orders|id", "*", "~root", "örders", "x" * 300,
    "--noop=1", "--no", "--", "--help", "-h", "@file",
]  # fmt: skip
BESIDE: dict[str, list[list[str]]] = {
    "fleet-report": [[]],
    "fleet-inspect": [[]],
    "fleet-traffic": [[]],
    "fleet-log": [[]],
    "fleet-answers": [[]],
    "fleet-query": [[]],
    "fleet-run": [[], ["--noop"]],
    "fleet-rollback": [[], ["orders"], ["orders", "1.0-1.0123abcd"], ["--now"], ["--now", "orders", "1.0-1.0123abcd"]],
    "fleet-deploy": [
        [], ["production"], ["production", "--commit"], ["production", "--tier"], ["--back", "--tier"], ["--back"],
        ["topic", "--kept", "--node"], ["topic", "--kept", "--for"], ["topic", "--rollout"],
        ["topic", "--rollout", "7", "--epoch"], ["--rollout", "7", "--epoch", "1", "--tier", "staging", "--abort"],
    ],
    "fleet-publish": [[], ["--list"]],
    "fleet-note": [
        [], ["--rollout"], ["--rollout", "7", "--tier"], ["--rollout", "7", "--tier", "production", "--node"],
        ["--rollout", "7", "--tier", "production", "--node", "app1.example.org"],
    ],
    "fleet-enroll": [
        [], ["--role"], ["--tier"], ["app9.example.org", "--role"], ["app9.example.org", "--role", "app", "--tier"],
        ["app9.example.org", "--role", "app", "--tier", "production"],
    ],
}  # fmt: skip
"""After these, an argument of another kind does nothing."""

REFUSED = [
    ("fleet-deploy", []),
    ("fleet-deploy", ["--kept"]),
    ("fleet-deploy", ["production", "topic"]),
    ("fleet-deploy", ["production", "--fleet"]),
    ("fleet-deploy", ["production", "--fl"]),
    ("fleet-deploy", ["--list"]),
    ("fleet-deploy", ["--postrun", "production"]),
    ("fleet-deploy", ["--back", "--back"]),
    ("fleet-deploy", ["production", "--commit", "1a2b3c4"]),
    ("fleet-deploy", ["production", "--commit=" + "a" * 40]),
    ("fleet-deploy", ["production", "--tier", "staging", "--tier", "production"]),
    ("fleet-deploy", ["topic", "--node", "app1.example.org", "--for", "forever"]),
    ("fleet-deploy", ["topic", "--node", "app1.example.org", "--for"]),
    ("fleet-deploy", ["topic", "--node", "../ca/ca_key"]),
    ("fleet-deploy", ["topic/../x"]),
    ("fleet-deploy", ["topic", "--begin"]),
    ("fleet-deploy", ["topic", "--epoch", "1"]),
    ("fleet-deploy", ["--rollout", "7", "--epoch", "1", "--abort"]),
    ("fleet-deploy", ["--rollout", "7", "--tier", "staging", "--abort"]),
    ("fleet-deploy", ["--rollout", "-7", "--epoch", "1", "--tier", "staging", "--abort"]),
    ("fleet-deploy", ["--rollout", "7", "--epoch", "x", "--tier", "staging", "--abort"]),
    ("fleet-deploy", ["--rollout", "7", "--epoch", "1", "--tier", "staging", "--abort", "--finish"]),
    ("fleet-deploy", ["--rollout", "7", "--epoch", "1", "--tier", "staging", "--begin"]),
    ("fleet-deploy", ["--rollout", "7", "--epoch", "1", "--tier", "staging", "--abort", "--fleet"]),
    ("fleet-deploy", ["1a2b3c4", "--rollout", "7", "--epoch", "1", "--tier", "staging", "--begin", "--now"]),
    (
        "fleet-deploy",
        [
            "1a2b3c4",
            "--rollout",
            "7",
            "--epoch",
            "1",
            "--tier",
            "staging",
            "--no-nodes",
            "--node",
            "app1.example.org",
        ],
    ),
    ("fleet-note", ["--rollout", "7", "--tier", "production"]),
    ("fleet-note", ["--rollout", "7", "--node", "app1.example.org"]),
    ("fleet-rollback", []),
    ("fleet-rollback", ["Orders"]),
    ("fleet-rollback", ["orders", "1.0-1"]),
    ("fleet-rollback", ["orders", "../1.0-1.0123abcd"]),
    ("fleet-rollback", ["orders", "1.0-1.0123abcd", "x"]),
    ("fleet-run", ["--noop", "--noop"]),
    ("fleet-publish", ["billing_1.0-1_amd64.deb"]),
    ("fleet-publish", ["--list", "--list"]),
]
ROLLOUT = ["1a2b3c4", "--kept", "--rollout", "7", "--epoch", "2", "--tier", "staging"]
ACCEPTED = [
    ("fleet-answers", [], ["deploy-environment", "--list", "--json"]),
    ("fleet-publish", ["--list"], ["publish-package", "--list"]),
    *(
        ("fleet-deploy", arguments, ["deploy-environment", *arguments])
        for arguments in (
            ["production", "--commit", "0123456789abcdef0123456789abcdef01234567"],
            ["tier_staging", "--commit", "0123456789abcdef0123456789abcdef01234567", "--tier", "staging"],
            ["1a2b3c4", "--kept"],
            ["c_0123456789", "--kept", "--tier", "staging"],
            ["--back"],
            ["--back", "--tier", "staging"],
            ["--end", "--tier", "staging"],
            ["topic", "--kept", "--for", "1h30m", "--node", "app1.example.org", "--node", "app2.example.org"],
            ["--end", "--node", "app1.example.org"],
            ["production", "--commit", "0123456789abcdef0123456789abcdef01234567", "--seal"],
            ["production", "--now"],
            [*ROLLOUT, "--begin"],
            [*ROLLOUT, "--node", "app1.example.org", "--node", "app2.example.org"],
            [*ROLLOUT, "--no-nodes"],
            [*ROLLOUT, "--finish", "--fleet"],
            [*ROLLOUT[2:], "--finish"],
            [*ROLLOUT[2:], "--abort"],
        )
    ),
]


@pytest.mark.parametrize("argument", HOSTILE, ids=repr)
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_argument_makes_root_do_something_else(
    program: str, argument: str, operators: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("puppet-run", "puppet", "flask-microservice", "deploy-environment", "publish-package", "journalctl"):
        operators.put(name, "exit 0")
    for before in BESIDE[program]:
        assert operators.run(program, *before, argument) == 2, before
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"{program}: ")
        assert said.err.count("\n") == 1
        assert len(said.err) < 200, "an argument of any length is shown whole"
    assert (operators.called, operators.records()) == ([], [])
    assert list(operators.root.glob("*.given")) == []


@pytest.mark.parametrize(("program", "arguments"), REFUSED, ids=str)
def test_what_a_right_does_not_allow_is_not_handed_on(program: str, arguments: list[str], operators: Machine) -> None:
    operators.put("flask-microservice", "exit 0")
    assert operators.run(program, *arguments) == 2
    assert (operators.called, operators.given("flask-microservice")) == ([], None)


@pytest.mark.parametrize(("program", "arguments", "called"), ACCEPTED, ids=str)
def test_what_the_client_sends_arrives_as_it_was_sent(
    program: str, arguments: list[str], called: list[str], operators: Machine
) -> None:
    with pytest.raises(SystemExit):
        operators.run(program, *arguments)
    assert operators.called == called
    assert operators.records() == [], "deploy-environment and publish-package leave the record: it would be there twice"


@pytest.mark.parametrize("program", PROGRAMS)
def test_who_is_not_root_is_told_to_use_sudo(
    program: str, operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert operators.run(program) == 1
    assert capsys.readouterr().err == f"{program}: only root can do that: sudo {program}\n"


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize("program", ["fleet-deploy", "fleet-publish", "fleet-rollback"])
def test_a_program_that_is_not_there_is_named_in_one_line(
    program: str, operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(path: Path, *_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(os, "execve", missing)
    arguments = {"fleet-deploy": ["--back"], "fleet-publish": ["--list"], "fleet-rollback": ["orders"]}[program]
    assert operators.run(program, *arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{program}: {operators.root}/bin/")
    assert said.count("\n") == 1


def test_nothing_of_the_caller_becomes_code_of_root(tmp_path: Path) -> None:
    launcher = (FILES / "launcher.py").read_text(encoding="utf-8")
    there = '"/usr/local/lib/fleet-operators"'
    assert launcher.startswith("#!/usr/bin/python3 -I\n")
    assert there in launcher
    installed = tmp_path / "fleet-report"
    installed.write_text(launcher.replace(there, repr(str(FILES / "program"))), encoding="utf-8")
    installed.chmod(0o755)
    (tmp_path / "json.py").write_text("raise SystemExit(99)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [installed, "--x"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    refusal = (2, "", "fleet-report: '--x' is not expected here\n")
    if os.geteuid() != 0:
        refusal = (1, "", "fleet-report: only root can do that: sudo fleet-report\n")
    assert (done.returncode, done.stdout, done.stderr) == refusal
