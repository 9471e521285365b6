"""`fleet lab ssh` does as ssh does: a shell there reads the command; its streams and exit status are the user's."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

# What sshd and sudo do on a box: the words after the host's name, joined, are for the login shell.
SSH = """\
#!/bin/sh
while [ "$1" != app1 ]; do case $1 in -t) echo terminal >>"$SAID" ;; esac; shift; done
shift
export HOME=/
exec sh -c "$*"
"""
SUDO = """\
#!/bin/sh
if [ "$1" = -i ]; then echo "a shell"; exit; fi
shift
exec "$@"
"""
FLEET = """\
import sys
from pathlib import Path
from fleet_cli import cli
from fleet_cli.machine import paths
paths.SSH_CONFIG = Path(sys.argv.pop(1))
cli.main()
"""


class Box:
    """The box app1, with a shell."""

    def __init__(self, directory: Path) -> None:
        for name, program in (("ssh", SSH), ("sudo", SUDO)):
            (directory / name).write_text(program, encoding="utf-8")
            (directory / name).chmod(0o755)
        self.said = directory / "said"
        self.said.touch()
        configuration = directory / "ssh-config"
        configuration.write_text("Host app1 app1.fleet.test\n", encoding="utf-8")
        self.argv = [sys.executable, "-c", FLEET, str(configuration), "lab", "ssh", "app1"]
        self.env = {
            **os.environ,
            "PATH": f"{directory}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).resolve().parents[3] / "scripts"),
            "SAID": str(self.said),
        }

    def ssh(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.argv, *command], input=stdin, env=self.env, capture_output=True, text=True, check=False
        )

    def with_terminal(self, *command: str, stdout: int | None) -> bool:
        """Whether ssh is asked for a terminal by a user who has one, and whose output goes there or somewhere else."""
        ours, theirs = pty.openpty()
        try:
            subprocess.run([*self.argv, *command], stdin=theirs, stdout=stdout or theirs, env=self.env, check=True)
        finally:
            os.close(ours)
            os.close(theirs)
        return self.said.read_text(encoding="utf-8") == "terminal\n"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["echo one two | tr o 0"], "0ne tw0\n"),
        (["echo", "one", "|", "wc", "-l"], "1\n"),
        (["echo $((1 + 2)); echo 'a  b' && echo \"$(printf x)\""], "3\na  b\nx\n"),
        (["echo", "a  b", "*.nosuch"], "a b *.nosuch\n"),
        (["printf", "%s-", "'a b'", "c"], "a b-c-"),
        (["ls", "-d", "/etc"], "/etc\n"),
        (["pwd"], "/\n"),
    ],
)
def test_a_shell_on_the_box_reads_the_command(command: list[str], output: str, box: Box) -> None:
    assert box.ssh("--", *command).stdout == output


def test_input_errors_and_exit_status_are_those_of_the_command(box: Box) -> None:
    done = box.ssh("--", "cat | tr a b; echo wrong >&2; exit 7", stdin="banana\n")
    assert (done.stdout, done.stderr, done.returncode) == ("bbnbnb\n", "wrong\n", 7)


def test_without_a_command_there_is_a_shell(box: Box) -> None:
    assert box.ssh().stdout == "a shell\n"


def test_a_user_with_a_terminal_gets_one(box: Box) -> None:
    assert box.with_terminal("--", "true", stdout=None)


def test_output_for_a_file_is_not_that_of_a_terminal(box: Box) -> None:
    assert not box.with_terminal("--", "true", stdout=subprocess.DEVNULL)
