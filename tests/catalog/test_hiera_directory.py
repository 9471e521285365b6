"""A directory in hiera.yaml stands for the files in it, as if they were one."""

import configparser
from collections.abc import Callable

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

FILES = {
    "services/inventory.yaml": "---\nflask_microservice::services: {inventory: {port: 7002, version: '1.0-1'}}\n",
    "services/orders.yaml": """
flask_microservice::services:
  orders:
    port: 7001
    version: '1.0-1'
    config: {app: {of: orders, tier: '%{trusted.extensions.pp_environment}'}}
    peers: [192.0.2.1]
    secrets: {app: [key]}
test::network: 192.0.2.0/24
""",
    "services/overlap.yaml": """
flask_microservice::services:
  orders:
    config: {app: {of: overlap, beside: overlap}}
    peers: [192.0.2.2]
test::network: 198.51.100.0/24
""",
    "services/not-yaml.txt": "of no interest",
    "services/deeper/billing.yaml": "flask_microservice::services: {billing: {port: 7003, version: '1.0-1'}}\n",
    "tiers/test.yaml": "flask_microservice::services: {orders: {workers: 3}}\n",
}


@pytest.fixture(scope="module")
def catalog(compile: Compile, encrypt: Callable[[str], str]) -> Catalog:
    secret = f"---\nflask_microservice::secrets:\n  orders:\n    app:\n      key: {encrypt('pa%{}ss')}\n"
    code = "include role::app\nnotify { lookup('test::network'): }"
    hiera = {**FILES, "services/secret.yaml": secret, "secrets/test.yaml": "---\n{}\n"}
    [catalog] = compile([Node(role="app", tier="test", hiera=hiera, code=code)])
    return catalog


@pytest.fixture(scope="module")
def config(catalog: Catalog) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog["File[/etc/orders/default_config.ini]"]["content"])
    return parser["app"]


def test_the_services_of_its_yaml_files_are_declared_and_no_others(catalog: Catalog) -> None:
    assert catalog.titles("Flask_microservice::Service") == {"inventory", "orders"}


def test_two_files_that_say_something_of_a_service_are_merged_the_first_before_the_second(
    catalog: Catalog, config: configparser.SectionProxy
) -> None:
    assert (config["of"], config["beside"]) == ("orders", "overlap")
    assert {"192.0.2.1", "192.0.2.2"} <= {*catalog["Flask_microservice::Service[orders]"]["peers"]}


def test_a_layer_above_is_merged_with_all_of_them(catalog: Catalog) -> None:
    assert catalog["Flask_microservice::Service[orders]"]["workers"] == 3


def test_of_what_is_no_hash_the_first_file_counts(catalog: Catalog) -> None:
    assert catalog.titles("Notify") == {"192.0.2.0/24"}


def test_secrets_and_references_in_its_files_are_what_they_are_elsewhere(config: configparser.SectionProxy) -> None:
    assert (config["key"], config["tier"]) == ("pa%{}ss", "test")


def test_a_file_of_it_that_is_damaged_fails_the_catalog_by_its_name(compile: Compile) -> None:
    broken = {**FILES, "services/inventory.yaml": "flask_microservice::services: {inventory: [\n"}
    [catalog] = compile([Node(role="app", tier="test", hiera=broken)])
    assert "services/inventory.yaml" in catalog.error
