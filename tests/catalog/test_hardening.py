"""A daemon may do no more than it does; what else one of somebody's own does, Hiera says."""

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

FILE = "File[/etc/systemd/system/{}.service.d/hardening.conf]"
OWN = """
profile::hardened_units:
  postgresql@: {writable: [/srv/wal]}
"""


def database(hiera: str) -> Node:
    layer = "profile::database::clients: [192.0.2.5]\n"
    server = "flask_microservice::database: {host: db.example.test, address: 192.0.2.41, ca_file: /etc/ssl/ca.pem}\n"
    files = {"tiers/test.yaml": f"{layer}{server}{hiera}", "secrets/test.yaml": "flask_microservice::secrets: {}\n"}
    return Node("db.example.test", "database", "test", hiera=files)


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> list[Catalog]:
    """Of the database's machine: as it is, with a place of its own, and left as Debian made it."""
    absent = "profile::hardened_units: {postgresql@: {ensure: absent}}\n"
    return compile([database(hiera) for hiera in ("", OWN, absent)])


def writable(catalog: Catalog) -> list[str]:
    lines = catalog[FILE.format("postgresql@")]["content"].splitlines()
    return [line.removeprefix("ReadWritePaths=-") for line in lines if line.startswith("ReadWritePaths=")]


def test_a_unit_writes_its_own_directories_and_what_hiera_says(catalogs: list[Catalog]) -> None:
    """An archive of PostgreSQL's that can't be written fills its disk, from its next start on."""
    assert writable(catalogs[1]) == [*writable(catalogs[0]), "/srv/wal"]
    assert "/srv/wal" not in writable(catalogs[0])


def test_a_unit_is_left_as_debian_made_it_where_hiera_says_so(catalogs: list[Catalog]) -> None:
    files = [catalog[FILE.format("postgresql@")]["ensure"] for catalog in catalogs]
    assert files == ["file", "file", "absent"]


def test_the_drop_in_is_there_before_the_first_start_and_restarts_nothing(catalogs: list[Catalog]) -> None:
    """A restart of a database or a balancer for it would lose requests."""
    unit = catalogs[0]["Profile::Hardened_unit[postgresql@]"]
    assert unit.references("before") == {"Class[Postgresql::Server::Install]"}
    assert unit.references("notify") == set()
    drop_in = catalogs[0][FILE.format("postgresql@")]
    assert drop_in.references("notify") == {"Exec[systemd reads the drop-in of postgresql@]"}
