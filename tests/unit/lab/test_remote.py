"""Commits that are made for the lab are signed where its user's git signs commits."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.lab import remote
from fleet_cli.machine import paths
from fleet_cli.repository import labfile
from fleet_cli.repository.clones import git


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A clone with a commit, and a key beside it."""
    directory = tmp_path / "control"
    git(tmp_path, "init", "-q", str(directory))
    git(directory, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(tmp_path / "key"))):
        git(directory, "config", name, value)
    return directory


@pytest.mark.parametrize("signs", [True, False])
def test_a_commit_for_the_lab_is_signed_where_others_are(repo: Path, tmp_path: Path, signs: bool) -> None:
    lab = labfile.load(paths.control_repo() / "lab.yaml")
    if signs:
        git(repo, "config", "commit.gpgSign", "yes")
    commit = remote.first_commit(lab, repo)
    signers = tmp_path / "signers"
    signers.write_text(f"anna {(tmp_path / 'key.pub').read_text()}")
    verify = ["git", "-C", str(repo), "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", commit]
    assert (subprocess.run(verify, capture_output=True, check=False).returncode == 0) is signs
    assert remote.first_commit(lab, repo) == commit, "each deploy of the same commit would be a new one"
