"""A secret that is encrypted for production can't by mistake stand in a catalog of staging."""

import shlex

import pytest
import yaml
from deployed import LAB, fleet_environment
from fleet_cli.repository import documents
from fleet_cli.repository.labfile import Box
from fleet_cli.validation.checks import eyaml
from testinfra.host import Host
from workspace import Workspace

KEYS = "/etc/puppet/eyaml/tiers"
TIERS = sorted({box.tier for box in (LAB.server, *LAB.nodes)})


def encrypt(server: Host, tier: str, value: str) -> str:
    """Encrypt a value as docs/secrets.md has it, with a key that any account of the server may read."""
    command = f"eyaml encrypt --pkcs7-public-key={KEYS}/{tier}/public_key.pkcs7.pem -o string --stdin"
    block: str = server.check_output(f"printf %s {shlex.quote(value)} | runuser -u nobody -- {command}")
    return block


def test_each_tiers_secrets_are_encrypted_for_it_alone(server: Host) -> None:
    for tier in TIERS:
        path = f"/etc/puppet/code/environments/{fleet_environment()}/hieradata/secrets/{tier}.yaml"
        text = server.check_output(f"cat {path}")
        services = yaml.safe_load(text)["flask_microservice::secrets"].values()
        blocks = [block for sections in services for keys in sections.values() for block in keys.values()]
        assert blocks
        assert {found for block in blocks for found in eyaml.tiers(documents.Node(1, 1, block))} == {tier}


def test_only_puppet_server_reads_a_tiers_key(server: Host) -> None:
    for tier in TIERS:
        keys = {account: server.run(f"runuser -u {account} -- cat {KEYS}/{tier}/private_key.pkcs7.pem").rc == 0
                for account in ("puppet", "r10k", "www-data", "packages", "nobody")}  # fmt: skip
        assert [account for account, reads in keys.items() if reads] == ["puppet"]


@pytest.mark.deploys
@pytest.mark.usefixtures("production_restored")
def test_a_production_secret_that_was_copied_to_staging_fails_there_by_name_and_changes_nothing(
    workspace: Workspace, server: Host, staging: Box
) -> None:
    block = encrypt(server, "production", "hush")
    path = f"hieradata/nodes/{staging.certname}.yaml"
    text = f"---\nflask_microservice::secrets: {{orders: {{app: {{secret_key: '{block}'}}}}}}\n"
    workspace.commit(path, text)
    found = workspace.fleet("validate", path)
    assert found.returncode == 1
    assert f"{path}:2:" in found.stdout
    assert "wrong-eyaml-key" in found.stdout

    workspace.fleet.ok("deploy")
    [run] = workspace.fleet.agent(staging.name)
    said = "\n".join(run["errors"])
    assert "flask_microservice::secrets (orders: app: secret_key) is encrypted for tier 'production'" in said
    assert f"{path})" in said
    assert "hush" not in said

    workspace.commit(path, text.replace(block, encrypt(server, "staging", "hush")))
    workspace.fleet.ok("deploy")
    [run] = workspace.fleet.agent(staging.name)
    assert run["errors"] == []
