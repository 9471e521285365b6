"""The command as users meet it: help, wrong input, a machine that is not fit. Never a traceback."""

import io
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet_cli import cli
from fleet_cli.machine import host, process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import clones
from fleet_cli.services import building

REPO = Path(__file__).resolve().parents[3]
COMMANDS = [
    "lab",
    "lab up",
    "lab status",
    "lab ssh",
    "lab down",
    "new",
    "update",
    "build",
    "publish",
    "deploy",
    "run",
    "status",
    "verify",
    "log",
    "test",
    "reference",
]


@dataclass(frozen=True)
class Said:
    """What a call of fleet printed, and its exit status."""

    returncode: object
    stdout: str
    stderr: str


def fleet(*arguments: str) -> Said:
    """Call fleet as its entry point does, without the half second that a new interpreter takes."""
    before = signal.getsignal(signal.SIGTERM)
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["fleet", *arguments])
        patch.chdir(REPO)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    signal.signal(signal.SIGTERM, before)
    return Said(ended.value.code or 0, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str) -> None:
    result = fleet(*command.split(), "--help")
    assert result.returncode == 0
    assert len(result.stdout) > 150


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "/nowhere"], "/nowhere"),
        (["build", "."], "no debian/control"),
        (["publish", "/nowhere.deb"], "/nowhere.deb: there is no such file"),
        (["publish", "lab.yaml"], "lab.yaml: not a Debian package"),
        (["lab", "ssh", "web9"], "there is no box 'web9'"),
        (["-C", "tests", "--fleet", "nowhere.yaml", "run"], "nowhere.yaml: there is no such file"),
        (["lab", "up", "web9"], "there is no box 'web9'"),
        (["-C", "tests", "lab", "status"], "a control repository?"),
        (["new", "Bad_Name"], "no Debian package name"),
        (["frobnicate"], "No such command"),
        (["plan", "--server", "--puppet", "host"], "leave out --puppet, --modules, --forge, --hiera and --lenient"),
        (["plan", "--puppetdb", "none", "--modules", "docs", "--forge", "http://forge"], "exclude each other"),
        (["validate", "--modules", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_input_gets_one_message(arguments: list[str], message: str) -> None:
    result = fleet(*arguments)
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_service_is_not_written_over_another(tmp_path: Path) -> None:
    assert fleet("new", "billing", "--output", str(tmp_path)).returncode == 0
    (tmp_path / "billing/mine").write_text("mine", encoding="utf-8")
    result = fleet("new", "billing", "--output", str(tmp_path))
    assert result.returncode == 1
    assert "exists already" in result.stderr
    assert (tmp_path / "billing/mine").read_text(encoding="utf-8") == "mine"


def test_who_is_not_root_is_told_so() -> None:
    # Another account that reads this checkout wherever it lies: below a folder that only its owner enters, too.
    reads = "+dac_read_search"
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={reads}",
             f"--ambient-caps={reads}"]  # fmt: skip
    command = [*(other if os.geteuid() == 0 else ()), sys.executable, "-m", "fleet_cli", "lab", "up"]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts"), "HOME": "/nonexistent"}
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 1
    assert "needs root" in result.stderr


def test_another_system_than_debian_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(FleetError, match="not Debian"):
        host.require_debian_root()


def test_a_newer_debian_is_told_what_works_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "codename", lambda: "trixie")
    monkeypatch.setattr(host, "_installed", lambda _: False)
    with pytest.raises(FleetError, match=r"no vagrant-lxc package.*fleet build, fleet test unit"):
        host.ensure_packages(host.LAB_PACKAGES)


def test_a_full_disk_is_noticed_before_work_begins(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="GiB free, 999999 needed"):
        host.require_disk(tmp_path / "not/there/yet", gib=999999)


def test_two_at_once_do_not_touch_the_same_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("fleet_cli.machine.paths.STATE", tmp_path)
    with host.lock(), pytest.raises(FleetError, match=f"another fleet is at work.*process {os.getpid()}"), host.lock():
        pass
    with host.lock():
        pass


def test_a_failed_command_is_shown_with_its_last_words() -> None:
    with pytest.raises(CommandFailedError, match=r"`sh -c .*ended with status 3:\n    out of luck"):
        process.run(["sh", "-c", "echo out of luck >&2; exit 3"])
    with pytest.raises(FleetError, match="nosuchprogram: not found"):
        process.run(["nosuchprogram"])


def test_a_program_ends_with_fleet(tmp_path: Path) -> None:
    # A killed fleet must not leave an apt-get or a vagrant at work behind the next call's back.
    code = "from fleet_cli.machine import process; process.run(['sh', '-c', 'echo $$ > pid; exec sleep 300'])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPO / "scripts")}
    )
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        assert parent.poll() is None
    child = Path(f"/proc/{pid.read_text().strip()}")
    assert child.exists()
    parent.kill()
    parent.wait()
    while child.exists() and "State:\tZ" not in (child / "status").read_text():
        pass


def test_work_that_waits_for_failed_work_does_not_start() -> None:
    done: list[str] = []

    def fail() -> None:
        raise FleetError("no base")

    work = steps.Parallel()
    work.add("base", fail)
    work.add("boxes", lambda: done.append("boxes"), after=("base",))
    work.add("other", lambda: done.append("other"))
    with pytest.raises(FleetError, match=r"^no base$"):
        work.finish()
    assert done == ["other"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for command in (["init", "-q", "-b", "main"], ["-c", "user.name=x", "-c", "user.email=x@fleet.test", "commit",
                    "-q", "--allow-empty", "-m", "first"]):  # fmt: skip
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_a_deploy_names_what_it_can_not_find(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert len(clones.head(checkout)) == 40
    with pytest.raises(FleetError, match="no branch 'nosuch' to deploy"):
        clones.head(checkout, "nosuch")
    with pytest.raises(FleetError, match="'my-branch' can't be an environment"):
        clones.head(checkout, "my-branch")
    with pytest.raises(FleetError, match="no commit to deploy"):
        clones.head(tmp_path_factory.mktemp("plain"))


def test_what_is_not_committed_is_named(checkout: Path) -> None:
    (checkout / "new.yaml").write_text("x: 1\n", encoding="utf-8")
    assert clones.uncommitted(checkout) == ["new.yaml"]


def test_a_source_without_a_changelog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no debian/control and debian/changelog"):
        building.build(tmp_path, tmp_path / "out")
