"""`fleet enroll` gives what a machine needs, and nothing that it may not become."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from fleet_cli import cli
from fleet_cli.fleet import ssh
from fleet_cli.machine import process
from fleet_cli.machine.errors import FleetError

TOKEN = "c0ffee" * 6 + "beef"
INVITATION = {
    "certname": "app9.example.org", "role": "app", "tier": "production", "server": "puppet.example.org",
    "authority": "ab" * 32, "token": TOKEN, "until": "2026-11-28T21:14:09+00:00", "replaced": False,
}  # fmt: skip


class Server:
    """The Puppet server, as ssh reaches it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answer = process.Result([], 0, json.dumps(INVITATION), "")

    def run(self, _fleet: Any, _host: str, name: str, *arguments: str, check: bool) -> process.Result:
        """What ssh.run does."""
        assert not check
        self.asked.append((name, *arguments))
        return self.answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(ssh, "run", found.run)
    return found


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A control repository with two roles and two tiers."""
    for name in ("site/role/manifests/app.pp", "site/role/manifests/database.pp",
                 "hieradata/tiers/staging.yaml", "hieradata/tiers/production.yaml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "fleet.yaml").write_text("---\nserver: puppet.example.org\nremote: git@git.example.org:c.git\n")
    return tmp_path


def enroll(repo: Path, *arguments: str) -> Result:
    """`fleet enroll`, of the repository."""
    return CliRunner().invoke(cli.fleet, ["-C", str(repo), "enroll", "app9.example.org", *arguments])


def test_a_person_is_told_what_to_type_and_the_secret_is_no_part_of_it(server: Server, repo: Path) -> None:
    result = enroll(repo, "--role", "app", "--tier", "production")
    assert server.asked == [("fleet-enroll", "app9.example.org", "--role", "app", "--tier", "production")]
    assert result.output.splitlines() == [
        "app9.example.org may enrol once, as app in production, until 21:14 UTC.",
        "On it, as root, with scripts/enroll of this repository:",
        "",
        f"    enroll puppet.example.org app production {'ab' * 32}",
        "",
        "It asks for the token:",
        "",
        f"    {TOKEN}",
    ]


def test_who_enrols_a_node_again_is_told_that_it_loses_its_certificate(server: Server, repo: Path) -> None:
    server.answer = process.Result([], 0, json.dumps({**INVITATION, "replaced": True}), "")
    assert "It had a certificate, which is revoked.\n" in enroll(repo, "--role", "app", "--tier", "production").output


def test_a_program_gets_json(server: Server, repo: Path) -> None:
    said = json.loads(enroll(repo, "--role", "app", "--tier", "production", "--json").output)
    command = f"enroll puppet.example.org app production {'ab' * 32}"
    assert (len(server.asked), said) == (1, {**INVITATION, "command": command})


@pytest.mark.parametrize(
    ("role", "tier", "why"),
    [
        ("ap", "production", "'ap' is no role in site/role/manifests: did you mean 'app'?"),
        ("app", "canary", "'canary' is no tier in hieradata/tiers: there are production, staging"),
    ],
)
def test_a_role_or_a_tier_that_nobody_has_is_refused(
    server: Server, repo: Path, role: str, tier: str, why: str
) -> None:
    result = enroll(repo, "--role", role, "--tier", tier)
    assert isinstance(result.exception, FleetError)
    assert (str(result.exception), server.asked) == (why, [])


def test_what_the_server_refuses_is_one_line(server: Server, repo: Path) -> None:
    server.answer = process.Result([], 2, "", "fleet-enroll: app9.example.org is the Puppet server itself\n")
    result = enroll(repo, "--role", "app", "--tier", "production")
    assert str(result.exception) == "puppet.example.org: app9.example.org is the Puppet server itself"


def test_a_machine_that_cloud_init_makes_enrols_and_keeps_no_secret(server: Server, repo: Path, tmp_path: Path) -> None:
    said = enroll(repo, "--role", "app", "--tier", "production", "--cloud-init").output
    assert said.startswith("#cloud-config\n")
    assert len(server.asked) == 1
    data = yaml.safe_load(said)
    assert (data["fqdn"], data["packages"]) == ("app9.example.org", ["puppet-agent"])
    for file in data["write_files"]:  # as cloud-init does, elsewhere
        path = tmp_path / file["path"].removeprefix("/root/")
        path.write_text(file["content"])
        path.chmod(int(file["permissions"], 8))
    script = tmp_path / "enroll"
    subprocess.run(["bash", "-n", script], check=True)
    script.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments; cat >{tmp_path}/stdin\n')
    for command in data["runcmd"]:
        subprocess.run([part.replace("/root/", f"{tmp_path}/") for part in command], check=True)
    assert (tmp_path / "arguments").read_text() == f"puppet.example.org app production {'ab' * 32}\n"
    assert (tmp_path / "stdin").read_text() == f"{TOKEN}\n"
    assert [file.name for file in tmp_path.glob("enroll*")] == []
