"""A service that declares a database gets one, the way to it, and no other; the password is Puppet's secret."""

import configparser
import string
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

PASSWORD = string.printable.strip() + " ü%{}%{foo}%{lookup('x')}"
SERVICES = """
flask_microservice::services:
  order-items:
    port: 7001
    database: postgresql
    peers: [192.0.2.9]
    config:
      database: {timeout: 2.5}
  inventory:
    port: 7002
  gone:
    port: 7003
    ensure: absent
    database: postgresql
flask_microservice::versions: {order-items: '1.0-1', inventory: '1.0-1'}
"""
TIER = """
flask_microservice::database: {host: db.example.test, address: 192.0.2.41, ca_file: /etc/ssl/ca file.pem}
profile::database::clients: [192.0.2.16/28, 192.0.2.5]
"""


def node(role: str, encrypted: str, *, services: str = SERVICES) -> Node:
    return Node(
        certname="db.example.test",
        role=role,
        tier="test",
        hiera={
            "services/orders.yaml": services,
            "services/inventory.yaml": "---\n{}\n",
            "tiers/test.yaml": TIER,
            "secrets/test.yaml": (
                f"flask_microservice::secrets: {{order-items: {{database: {{password: '{encrypted}'}}}}}}\n"
            ),
        },
    )


@pytest.fixture(scope="module")
def catalogs(compile: Compile, encrypt: Callable[[str], str]) -> dict[str, Catalog]:
    """What an app node and the database's machine of one tier get."""
    roles = ("app", "database")
    return dict(zip(roles, compile([node(role, encrypt(PASSWORD)) for role in roles]), strict=True))


def config(catalog: Catalog, service: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog[f"File[/etc/{service}/default_config.ini]"]["content"])
    return parser


def hidden(catalog: Catalog, secret: str) -> set[str]:
    """The resources that have a secret, each in a parameter that Puppet hides."""
    holders = set()
    for resource in catalog:
        for name, value in resource.parameters.items():
            if secret in str(value):
                assert name in resource.sensitive, f"{resource.reference} shows {name}"
                holders.add(resource.reference)
    return holders


def test_the_service_is_told_where_its_database_is_and_verifies_it(catalogs: dict[str, Catalog]) -> None:
    database = config(catalogs["app"], "order-items")["database"]
    url = urlsplit(database["url"])
    assert (url.scheme, url.username, url.hostname, url.path) == (
        "postgresql", "order-items", "db.example.test", "/order-items",
    )  # fmt: skip
    assert unquote(str(url.password)) == PASSWORD
    assert parse_qs(url.query) == {
        "hostaddr": ["192.0.2.41"], "sslmode": ["verify-full"], "sslrootcert": ["/etc/ssl/ca file.pem"],
    }  # fmt: skip
    assert database["timeout"] == "2.5"


def test_the_service_may_connect_to_its_database_and_one_without_may_not(catalogs: dict[str, Catalog]) -> None:
    unit = catalogs["app"]["File[/etc/systemd/system/order-items@.service]"]["content"]
    assert "IPAddressAllow=192.0.2.9 192.0.2.41\n" in unit
    assert "Peers=192.0.2.9 192.0.2.41:5432\n" in unit
    other = catalogs["app"]["File[/etc/systemd/system/inventory@.service]"]["content"]
    assert "IPAddressAllow=" not in other
    assert "database" not in config(catalogs["app"], "inventory")


def test_the_authoritys_certificate_is_there_before_the_services(catalogs: dict[str, Catalog]) -> None:
    file = catalogs["app"]["File[/etc/ssl/puppet-ca.pem]"]
    assert (file["mode"], file["source"]) == ("0644", "/var/lib/puppet/ssl/certs/ca.pem")
    assert "Class[Flask_microservice]" in catalogs["app"]["Class[Profile::Puppet_ca]"].references("before")


def test_each_service_that_declares_one_has_a_database_and_a_login_of_its_name(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["database"]
    assert catalog.titles("Postgresql::Server::Database") == {"order-items"}
    assert catalog.titles("Postgresql::Server::Role") == {"order-items"}
    assert catalog["Postgresql::Server::Database[order-items]"]["owner"] == "order-items"
    assert 'Postgresql_psql[REVOKE ALL ON DATABASE "order-items" FROM PUBLIC]' in catalog


def test_a_login_is_let_in_over_tls_only_to_its_own_database_from_declared_networks(
    catalogs: dict[str, Catalog],
) -> None:
    lines = [
        line.split()
        for resource in catalogs["database"]
        if resource.reference.startswith("Concat::Fragment[pg_hba_rule_")
        for line in resource["content"].splitlines()
        if line and not line.startswith("#")
    ]
    assert sorted(lines) == [
        ["hostssl", '"order-items"', '"order-items"', "192.0.2.16/28", "scram-sha-256"],
        ["hostssl", '"order-items"', '"order-items"', "192.0.2.5/32", "scram-sha-256"],
        ["local", "all", "postgres", "peer"],
    ]


def test_postgresql_listens_on_one_address_and_speaks_tls(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["database"]
    assert catalog["Postgresql_conf[listen_addresses_for_instance_main]"]["value"] == "192.0.2.10"
    assert catalog["Postgresql_conf[ssl]"]["value"] == "on"
    assert int(catalog["Postgresql_conf[max_connections]"]["value"]) > 128, "what two services on two nodes may need"
    key = catalog["File[/etc/postgresql/tls/key.pem]"]
    assert (key["group"], key["mode"], key["show_diff"]) == ("postgres", "0640", False)
    assert key["source"] == "/var/lib/puppet/ssl/private_keys/db.example.test.pem"


def test_the_password_is_nowhere_in_the_services_catalog_but_where_puppet_hides_it(
    catalogs: dict[str, Catalog],
) -> None:
    found = hidden(catalogs["app"], "0123456789")
    assert "File[/etc/order-items/default_config.ini]" in found


def test_the_databases_machine_gets_a_verifier_which_puppet_hides_and_never_the_password(
    catalogs: dict[str, Catalog],
) -> None:
    # psql has what it sets among its arguments, which every account of the machine can list.
    assert hidden(catalogs["database"], "0123456789") == set()
    assert "Postgresql::Server::Role[order-items]" in hidden(catalogs["database"], "SCRAM-SHA-256$")


def test_what_can_not_be_is_explained_on_the_databases_machine(compile: Compile, encrypt: Callable[[str], str]) -> None:
    secret = encrypt(PASSWORD)
    unlocked = SERVICES.replace("  inventory:\n", "  inventory:\n    database: postgresql\n")
    taken = node("database", secret, services=SERVICES.replace("order-items", "postgres"))
    taken = Node(**{**vars(taken), "hiera": {
        **taken.hiera, "secrets/test.yaml": taken.hiera["secrets/test.yaml"].replace("order-items", "postgres"),
    }})  # fmt: skip
    without, reserved = compile([node("database", secret, services=unlocked), taken])
    assert "service inventory wants a database without a password" in without.error
    assert "flask_microservice::secrets (inventory: {database: {password: ...}})" in without.error
    assert "service postgres can't have a database: PostgreSQL has something of its own of that name" in reserved.error
    assert "0123456789" not in without.error + reserved.error
