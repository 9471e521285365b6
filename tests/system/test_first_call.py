"""A machine on which fleet has never run, or another user has: it makes what it needs, or says what is in the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def test_without_a_network_the_first_call_says_so(tmp_path: Path) -> None:
    for name in ("scripts", "requirements.txt"):
        source = REPO / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / ".git").mkdir()
    result = subprocess.run(
        ["unshare", "--net", tmp_path / "scripts/fleet", "--help"],
        capture_output=True, text=True, check=False, env={**os.environ, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"},
    )  # fmt: skip
    assert result.returncode == 1
    assert "check the network and the pip configuration" in result.stderr
    assert not (tmp_path / ".venv/made-from").exists(), "half an environment was taken for a whole one"


def test_packages_that_apt_does_not_reach_are_named(tmp_path: Path) -> None:
    # Lists of its own: what this machine's apt knows stays as it is.
    settings = tmp_path / "apt.conf"
    settings.write_text(f'Dir::State::Lists "{tmp_path}/lists";\nAcquire::Retries "0";\n', encoding="utf-8")
    code = "from fleet_cli.machine import host; host.ensure_packages(('dnsmasq-base-of-nowhere',))"
    result = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(REPO / "scripts"), "APT_CONFIG": str(settings)},
    )  # fmt: skip
    assert result.returncode == 1
    assert "apt could not install dnsmasq-base-of-nowhere: check its network and apt sources" in result.stderr


def test_a_user_who_may_not_write_to_the_clone_has_an_environment_of_their_own(tmp_path: Path) -> None:
    """Without it, nobody but the owner of a shared clone could run fleet."""
    clone, state = tmp_path / "clone", tmp_path / "state"
    (clone / "scripts").mkdir(parents=True)
    shutil.copy(REPO / "scripts/fleet", clone / "scripts/fleet")
    (clone / "requirements.txt").write_text("", encoding="utf-8")
    state.mkdir(mode=0o777)
    state.chmod(0o777)
    for directory in (tmp_path, *tmp_path.parents[:-2]):
        directory.chmod(directory.stat().st_mode | 0o055)
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", clone / "scripts/fleet", "--help"],
        capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "XDG_STATE_HOME": str(state)},
    )  # fmt: skip
    assert (state / "fleet/venv/made-from").exists(), result.stderr
    assert not (clone / ".venv").exists()
