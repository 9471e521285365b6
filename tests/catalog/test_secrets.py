"""A secret arrives as it was encrypted, wherever in Hiera it stands; what is not one is interpolated as ever."""

import configparser
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .catalogs import Node, compile_nodes
from .conftest import Compile

SERVICES = """
flask_microservice::services:
  orders:
    port: 7001
    version: '1.0-1'
    config:
      app:
        motto: "100 %{literal('%')}{foo}"
        node: '%{facts.networking.hostname}'
        tier: '%{trusted.extensions.pp_environment}'
    secrets: {app: [of_node, of_tier, of_all, plain, reference]}
"""
EMPTY, UNKNOWN, CALL = "pa%{}ss", "%{foo}", "%{lookup('fleet::network')}"


def secrets(**values: str) -> str:
    lines = "".join(f"      {key}: {value}\n" for key, value in values.items())
    return f"---\nflask_microservice::secrets:\n  orders:\n    app:\n{lines}"


@pytest.fixture(scope="module")
def config(compile: Compile, encrypt: Callable[[str], str]) -> configparser.SectionProxy:
    node = Node(
        certname="app9.example.test", role="app", tier="test",
        hiera={
            "services/orders.yaml": SERVICES,
            "services/inventory.yaml": "---\n{}\n",
            "nodes/app9.example.test.yaml": secrets(of_node=encrypt(EMPTY), plain='"pa%{}ss%{foo}"'),
            "secrets/test.yaml": secrets(of_tier=encrypt(UNKNOWN), reference="\"%{lookup('shared::token')}\""),
            "tiers/test.yaml": secrets(of_all=encrypt(CALL)) + f"shared::token: {encrypt('shared')}\n",
        },
    )  # fmt: skip
    [catalog] = compile([node])
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog["File[/etc/orders/default_config.ini]"]["content"])
    return parser["app"]


def test_an_encrypted_secret_arrives_verbatim_from_every_layer(config: configparser.SectionProxy) -> None:
    assert [config[key] for key in ("of_node", "of_tier", "of_all")] == [EMPTY, UNKNOWN, CALL]


def test_one_that_nobody_encrypted_arrives_verbatim_too(config: configparser.SectionProxy) -> None:
    assert config["plain"] == "pa%{}ss%{foo}"


def test_a_hiera_yaml_with_puppets_own_function_goes_on_working(
    deployed: Path, eyaml_keys: Path, encrypt: Callable[[str], str], tmp_path: Path
) -> None:
    """As on a server that had hiera-eyaml before it had this module."""
    repo = shutil.copytree(deployed, tmp_path / "control")
    hiera = repo / "hiera.yaml"
    text = hiera.read_text(encoding="utf-8")
    own = {
        "flask_microservice::eyaml_lookup_key": "eyaml_lookup_key", "path: services ": "glob: services/*.yaml ",
        "/tiers/%{trusted.extensions.pp_environment}/": "/", "    shared_keys: /etc/puppet/eyaml\n": "",
    }  # fmt: skip
    for word, other in own.items():
        assert word in text
        text = text.replace(word, other)
    hiera.write_text(text, encoding="utf-8")
    services = "flask_microservice::services: {orders: {port: 7001, version: '1', secrets: {app: [of_tier]}}}\n"
    files = {
        "services/orders.yaml": services, "services/inventory.yaml": "---\n{}\n",
        "secrets/test.yaml": secrets(of_tier=encrypt("50 %(x)s")),
    }  # fmt: skip
    [catalog] = compile_nodes([Node(role="app", tier="test", hiera=files)], repo, eyaml_keys)
    assert "of_tier = 50 %(x)s\n" in catalog["File[/etc/orders/default_config.ini]"]["content"]


def test_two_secrets_can_be_one_by_a_reference(config: configparser.SectionProxy) -> None:
    assert config["reference"] == "shared"


def test_config_is_interpolated_as_hiera_does_and_can_have_a_literal_percent_sign(
    config: configparser.SectionProxy,
) -> None:
    assert (config["motto"], config["node"], config["tier"]) == ("100 %{foo}", "app9", "test")


@pytest.fixture(scope="module")
def errors(compile: Compile) -> dict[str, str]:
    database = {
        "services/orders.yaml": "flask_microservice::services: {orders: {port: 7001, database: postgresql}}\n",
        "services/inventory.yaml": "---\n{}\n",
        "tiers/test.yaml": (
            "flask_microservice::database: {host: db.example.test, address: 192.0.2.1, ca_file: /ca.pem}\n"
            "profile::database::clients: [192.0.2.5]\n"
        ),
        "secrets/test.yaml": "flask_microservice::secrets: {orders: {database: {password: 'hush '}}}\n",
    }
    reference = {"secrets/test.yaml": secrets(shared="\"%{lookup('flask_microservice::secrets')}\"")}
    direct = """
      flask_microservice::service { 'orders':
        port    => 7001,
        version => '1',
        secrets => Sensitive({ 'app' => { 'key' => "hush\\nhush" } }),
      }
    """
    named = "flask_microservice::service { 'www-data': port => 7001, version => '1' }"
    nodes = {
        "database": Node(role="database", tier="test", hiera=database),
        "reference": Node(role="app", tier="test", hiera=reference),
        "direct": Node(code=direct),
        "named": Node(code=named),
    }
    return {name: catalog.error for name, catalog in zip(nodes, compile(list(nodes.values())), strict=True)}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("database", "the secret password of section database of service orders has blanks or a line break"),
        ("reference", "flask_microservice::secrets (orders: app: shared) has '%{lookup("),
        ("direct", "the secret key of section app of service orders has a line break in it"),
        ("named", "service www-data can't have that name: an account or group of the system has it"),
    ],
)
def test_what_can_not_be_taken_is_named_by_service_and_key(errors: dict[str, str], case: str, said: str) -> None:
    assert said in errors[case]
    assert "hush" not in errors[case]
    assert len(errors[case]) < 450
