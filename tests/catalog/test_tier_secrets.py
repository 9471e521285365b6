"""A secret that is encrypted for a tier stands in no other's catalog; the fleet's key opens what all tiers share."""

import configparser
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_cli.repository import secrets

from ..deployed_repository import public_key
from .catalogs import Catalog, Node, compile_nodes
from .conftest import Compile

SERVICES = """
flask_microservice::services:
  orders: {port: 7001, version: '1.0-1', secrets: {app: [of_tier, of_all]}}
profile::microservices::clients: []
"""
EMPTY = "---\n{}\n"


@pytest.fixture(scope="module")
def encrypt_for(eyaml_keys: Path) -> Callable[[str, str], str]:
    """Encrypt a value for a tier; for the fleet, if that is none."""
    return lambda tier, value: secrets.encrypt(public_key(eyaml_keys, tier), value)


def node(tier: str, files: dict[str, str]) -> Node:
    rest = {"services/orders.yaml": SERVICES, "services/inventory.yaml": EMPTY, f"tiers/{tier}.yaml": EMPTY}
    return Node(f"app9.{tier}.test", role="app", tier=tier, hiera={**rest, **files})


def values(**encrypted: str) -> str:
    lines = "".join(f"      {key}: {value}\n" for key, value in encrypted.items())
    return f"---\nflask_microservice::secrets:\n  orders:\n    app:\n{lines}"


def config(catalog: Catalog) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog["File[/etc/orders/default_config.ini]"]["content"])
    return dict(parser["app"])


def test_each_tier_gets_what_is_encrypted_for_it_and_what_is_for_all(
    compile: Compile, encrypt_for: Callable[[str, str], str]
) -> None:
    common = values(of_all=encrypt_for("", "of all"))
    nodes = [
        node(tier, {f"secrets/{tier}.yaml": values(of_tier=encrypt_for(tier, f"pa%{{}}ss of {tier}")),
                    "services/orders.yaml": SERVICES + common.removeprefix("---\n")})
        for tier in ("production", "staging")
    ]  # fmt: skip
    # One after the other in one process, as on the server: nothing of the first may stay for the second.
    production, staging = (config(catalog) for catalog in compile(nodes))
    assert production == {"of_tier": "pa%{}ss of production", "of_all": "of all"}
    assert staging == {"of_tier": "pa%{}ss of staging", "of_all": "of all"}


@pytest.mark.parametrize("place", ["secrets/staging.yaml", "nodes/app9.staging.test.yaml", "tiers/staging.yaml"])
def test_a_production_secret_that_was_copied_to_staging_is_told_by_key_file_and_tier(
    compile: Compile, encrypt_for: Callable[[str, str], str], place: str
) -> None:
    copied = values(of_tier=encrypt_for("production", "hush"))
    [catalog] = compile([node("staging", {place: copied})])
    for said in (
        "flask_microservice::secrets (orders: app: of_tier) is encrypted for tier 'production'",
        "stands here for tier 'staging'",
        f"hieradata/{place})",
    ):
        assert said in catalog.error
    assert "hush" not in catalog.error
    assert len(catalog.error) < 450


def test_a_secret_of_a_profile_is_kept_to_its_tier_too(
    compile: Compile, encrypt_for: Callable[[str, str], str]
) -> None:
    code = "notify { 'told': message => lookup('own::token') }"
    nodes = [
        Node(
            "x.test", tier=tier, code=code, hiera={"common.yaml": f"own::token: {encrypt_for('production', 'hush')}\n"}
        )
        for tier in ("production", "staging", "")
    ]
    production, *others = compile(nodes)
    assert production["Notify[told]"]["message"] == "hush"
    assert ["own::token is encrypted for tier 'production'" in other.error for other in others] == [True, True]


def test_what_was_encrypted_before_tiers_had_keys_goes_on_working(
    compile: Compile, encrypt_for: Callable[[str, str], str]
) -> None:
    before = {"secrets/staging.yaml": values(of_tier=encrypt_for("", "old"), of_all=encrypt_for("staging", "new"))}
    [catalog] = compile([node("staging", before)])
    assert config(catalog) == {"of_tier": "old", "of_all": "new"}


def test_without_the_shared_key_a_layer_takes_its_tiers_secrets_alone(
    deployed: Path, eyaml_keys: Path, encrypt_for: Callable[[str, str], str], tmp_path: Path
) -> None:
    repo = shutil.copytree(deployed, tmp_path / "control")
    hiera = repo / "hiera.yaml"
    text = hiera.read_text(encoding="utf-8")
    shared = "    shared_keys: /etc/puppet/eyaml\n"
    assert shared in text
    hiera.write_text(text.replace(shared, ""), encoding="utf-8")
    nodes = [
        node("staging", {"secrets/staging.yaml": values(of_tier=encrypt_for(tier, "x"), of_all=encrypt_for(tier, "y"))})
        for tier in ("staging", "")
    ]
    own, fleets = compile_nodes(nodes, repo, eyaml_keys)
    assert config(own) == {"of_tier": "x", "of_all": "y"}
    assert "(orders: app: of_tier) is encrypted for the fleet, and hiera.yaml has no shared_keys here" in fleets.error
    assert "the key of tier 'staging'" in fleets.error


def test_a_damaged_value_is_told_by_its_place(compile: Compile, encrypt_for: Callable[[str, str], str]) -> None:
    block = encrypt_for("staging", "hush")
    changed = block[:-24] + ("A" if block[-24] != "A" else "B") + block[-23:]
    [catalog] = compile([node("staging", {"secrets/staging.yaml": values(of_tier=changed)})])
    assert "flask_microservice::secrets (orders: app: of_tier) can't be decrypted: " in catalog.error
    assert "hieradata/secrets/staging.yaml" in catalog.error
