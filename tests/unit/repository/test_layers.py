"""Which layers take what is encrypted for the fleet, and which only what is encrypted for a tier."""

import pytest
from fleet_cli.repository import layers, yaml_reader

OF_TIERS = "pkcs7_private_key: '/keys/%{trusted.extensions.pp_environment}/private.pem'"
HIERA = f"""\
version: 5
defaults:
  lookup_key: flask_microservice::eyaml_lookup_key
  datadir: hieradata
  options:
    {OF_TIERS}
    shared_keys: /keys
hierarchy:
  - name: Secrets
    path: "secrets/%{{trusted.extensions.pp_environment}}.yaml"
    options: {{{OF_TIERS}}}
  - name: Of Puppet's own function
    path: own.yaml
    lookup_key: eyaml_lookup_key
  - name: One pair
    path: old.yaml
    options: {{pkcs7_private_key: /keys/private.pem}}
  - name: Services
    path: services
"""


@pytest.mark.parametrize(("name", "of_tiers"), [
    ("secrets/staging.yaml", True), ("own.yaml", True), ("old.yaml", False), ("services/orders.yaml", False),
    ("elsewhere.yaml", False),
])  # fmt: skip
def test_a_layer_takes_secrets_of_the_fleet_unless_its_keys_are_of_tiers_alone(name: str, of_tiers: bool) -> None:
    found = layers.of(yaml_reader.parse(HIERA.encode(), "hiera.yaml"))
    assert found.is_of_tiers(f"hieradata/{name}") is of_tiers
