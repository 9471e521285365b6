"""Who may sign commits is written down as ssh-keygen takes it, on the Puppet server alone."""

import subprocess
from pathlib import Path

import pytest

from .catalogs import Node
from .conftest import Compile

SERVER = Node("puppet.fleet.test", "puppetserver", "production")
FILE = "/etc/deploy-environment/allowed_signers"


def with_signers(text: str) -> Node:
    required = "profile::r10k::remote: /srv/git/control.git\nprofile::puppetserver::heap: 768m\n"
    hiera = {f"nodes/{SERVER.certname}.yaml": f"---\n{required}profile::r10k::signers: {text}\n"}
    return Node(SERVER.certname, SERVER.role, SERVER.tier, hiera=hiera)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "anna's laptop", "-f", tmp_path / "key"], check=True
    )
    return tmp_path / "key"


def ssh_keygen(*arguments: str | Path, signed: Path) -> str:
    with signed.open("rb") as file:
        return subprocess.run(
            ["ssh-keygen", "-Y", *arguments], stdin=file, capture_output=True, text=True, check=False
        ).stdout


@pytest.mark.parametrize(("days", "holds"), [
    ("", True),
    (", valid_after: '2020-01-01', valid_before: '2999-12-31'", True),
    (", valid_before: '2020-01-01'", False),
    (", valid_after: '2999-12-31'", False),
])  # fmt: skip
def test_a_signer_is_one_to_ssh_keygen_for_commits_and_the_days_that_hiera_says(
    compile: Compile, key: Path, tmp_path: Path, days: str, holds: bool
) -> None:
    public = key.with_suffix(".pub").read_text().strip()
    (catalog,) = compile([with_signers(f'{{anna@example.org: {{keys: ["{public}"]{days}}}}}')])
    file, ini = catalog[f"File[{FILE}]"], catalog["File[/etc/deploy-environment.ini]"]
    assert (file["ensure"], file["owner"], file["mode"]) == ("file", "root", "0644")
    assert f"\nsigners = {FILE}\n" in ini["content"]
    (tmp_path / "signers").write_text(file["content"])
    text = tmp_path / "text"
    for use, good in (("git", holds), ("file", False)):
        text.write_text("a commit")
        subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-n", use, "-f", key, text], check=True)
        arguments = ("-n", use, "-s", tmp_path / "text.sig", "-f", tmp_path / "signers", "-I", "anna@example.org")
        assert ssh_keygen("verify", *arguments, signed=text).startswith("Good") is good
        (tmp_path / "text.sig").unlink()


def test_without_signers_none_are_wanted(compile: Compile) -> None:
    (catalog,) = compile([with_signers("{}")])
    assert catalog[f"File[{FILE}]"]["ensure"] == "absent"
    assert "signers" not in catalog["File[/etc/deploy-environment.ini]"]["content"]
