"""A service developer with an ordinary account, on a machine on which fleet has never run for them, needs no root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet_cli.machine import host, paths

REPO = paths.control_repo()
NAME = "fleet-developer"
FILE = "hieradata/services/orders.yaml"


@dataclass(frozen=True)
class Account:
    """A user of this machine, with a clone of this repository in a home that is the user's alone."""

    home: Path

    @property
    def clone(self) -> Path:
        return self.home / "control"

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone as the user, with nothing of the environment of whoever runs the tests."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return subprocess.run(
            ["runuser", "--user", NAME, "--", *command], cwd=self.clone, capture_output=True, text=True, check=check,
            env={**own, **host.pip_environment(), **pip},
        )  # fmt: skip


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    subprocess.run(["userdel", "--remove", NAME], capture_output=True, check=False)  # of a run that was killed
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", NAME], check=True)
    try:
        found = Account(Path(pwd.getpwnam(NAME).pw_dir))
        found.home.chmod(0o700)
        subprocess.run(["git", "clone", "--quiet", "--no-local", REPO, found.clone], check=True)
        # What is not committed yet is tried as well.
        for name in ("scripts", "requirements.txt", "template"):
            source = REPO / name
            if source.is_dir():
                shutil.copytree(source, found.clone / name, dirs_exist_ok=True, symlinks=True)
            else:
                shutil.copy(source, found.clone / name)
        subprocess.run(["chown", "--recursive", f"{NAME}:", found.clone], check=True)
        yield found
    finally:
        subprocess.run(["userdel", "--remove", NAME], capture_output=True, check=True)


def test_validate_plan_and_build_need_no_root(account: Account) -> None:
    """Each from nothing: virtual environment, root file systems, modules; all below the user's own state."""
    valid = account.run("scripts/fleet", "validate", check=False)
    assert (valid.returncode, valid.stdout.strip()) == (0, ""), valid.stdout + valid.stderr
    file = account.clone / FILE
    file.write_text(file.read_text().replace("level: info", "level: debug"))
    planned = account.run(
        "scripts/fleet", "plan", "HEAD", "--puppetdb", "none", "--nodes", "app1.fleet.test", check=False
    )
    assert planned.returncode == 2, planned.stdout + planned.stderr
    assert 'log.level "info" → "debug"' in planned.stdout
    account.run("scripts/fleet", "new", "billing", "--output", str(account.home))
    account.run("scripts/fleet", "build", str(account.home / "billing"), "--output", str(account.home / "dist"))
    (package,) = (account.home / "dist").glob("billing_*.deb")
    assert package.owner() == NAME


def test_without_subordinate_ids_it_says_what_an_administrator_does(account: Account) -> None:
    """Found before anything is made, and before a program that would wait for ever is started."""
    code = "from fleet_cli.sandbox import ability; ability.subordinate('uid')"
    script = 'mount --bind /dev/null /etc/subuid && exec runuser --user "$@"'
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", NAME, "--", ".venv/bin/python", "-c", code],
        capture_output=True, text=True, check=False, cwd=account.clone,
        env={"PYTHONPATH": "scripts", "PATH": os.environ["PATH"], "HOME": str(account.home)},
    )  # fmt: skip
    assert f"/etc/subuid has no line for {NAME}; 65536 are needed" in result.stderr
    assert "usermod --add-subuids" in result.stderr
