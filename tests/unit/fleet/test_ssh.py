"""ssh and sudo say in many words what went wrong; a person is told in one sentence what to do."""

import os
from pathlib import Path

import pytest
from fleet_cli.fleet import ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.ssh import NotAllowedError, NotReachedError
from fleet_cli.machine.errors import CommandFailedError

FLEET = Fleet(Path("fleet.yaml"), "puppet.example.org", "git@git.example.org:control.git")
CHANGED = "@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\nHost key verification failed.\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of an ssh that notes what it is asked, and answers with the files `said` and `status`."""
    program = tmp_path / "ssh"
    program.write_text(
        f'#!/bin/sh\ncd {tmp_path}\nprintf "%s\\n" "$@" >asked\ncat >input\ncat said >&2 2>/dev/null\n'
        "exit $(cat status)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    (tmp_path / "status").write_text("0")
    (tmp_path / "said").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def answer(machine: Path, status: int, said: str) -> None:
    (machine / "status").write_text(str(status))
    (machine / "said").write_text(said)


def test_nobody_is_asked_for_a_password_and_words_reach_the_program_as_they_are(machine: Path) -> None:
    ssh.run(FLEET, "app1.example.org", "fleet-rollback", "a b; reboot", stdin="input")
    asked = (machine / "asked").read_text().splitlines()
    assert asked[:5] == ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--"]
    assert asked[5:] == ["app1.example.org", "sudo -n -- /usr/local/sbin/fleet-rollback 'a b; reboot'"]
    assert (machine / "input").read_text() == "input"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("ssh: connect to host 10.0.0.1 port 22: Connection timed out", "ssh does not reach it: connect to host 10.0"),
        ("ssh: Could not resolve hostname app1.example.org: Name or service not known", "Name or service not known"),
        ("anna@app1.example.org: Permission denied (publickey).", "ssh has no key that it takes: `ssh-add -l`"),
        ("Host key verification failed.", "its host key is not known yet: `ssh app1.example.org` shows it"),
        (CHANGED, "`ssh-keygen -R app1.example.org` forgets the old one"),
        ("client_loop: send disconnect: Broken pipe", "client_loop: send disconnect: Broken pipe"),
        ("", "ssh came to no end"),
    ],
)
def test_a_machine_that_is_not_reached_says_why_in_one_line(machine: Path, said: str, message: str) -> None:
    answer(machine, 255, said)
    with pytest.raises(NotReachedError) as error:
        ssh.run(FLEET, "app1.example.org", "fleet-report")
    assert str(error.value).startswith("app1.example.org: ")
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("sudo: a password is required", "your account may not run fleet-deploy there: profile::operators::people"),
        ("Sorry, user anna is not allowed to execute '/usr/local/sbin/fleet-deploy' as root on puppet.",
         "your account may not run fleet-deploy there"),
        ("sudo: /usr/local/sbin/fleet-deploy: command not found", "there is no fleet-deploy on it"),
        ("bash: line 1: sudo: command not found", "there is no sudo on it"),
    ],
)  # fmt: skip
def test_a_missing_right_is_told_from_a_missing_program(machine: Path, said: str, message: str) -> None:
    answer(machine, 1, said)
    with pytest.raises(NotAllowedError) as error:
        ssh.run(FLEET, "puppet.example.org", "fleet-deploy", "production", check=False)
    assert str(error.value).startswith(f"puppet.example.org: {message}")


def test_what_a_program_itself_says_is_not_taken_for_sudos_words(machine: Path) -> None:
    answer(machine, 1, "fleet-deploy: no such branch")
    with pytest.raises(CommandFailedError) as error:
        ssh.run(FLEET, "puppet.example.org", "fleet-deploy", "nosuch")
    assert error.value.output == "fleet-deploy: no such branch"
