"""Who may query PuppetDB and no more has a port of its own, where Hiera names somebody; else nothing listens there."""

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

SITE = "File[/etc/nginx/sites-enabled/puppetdb-queries]"
RULE = "Concat::Fragment[firewall: puppetdb queries]"
REMOTE = "profile::r10k::remote: /srv/git/control.git\n"
NAMED = f"{REMOTE}profile::puppetdb::queries::certnames: [ci.example.org, board-1.example.org]\n"


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> list[Catalog]:
    """Of the server: as it is, with two machines that may query, and with these from nowhere."""
    closed = f"{NAMED}profile::puppetdb::queries::clients: []\n"
    return compile([
        Node("puppet.example.org", "puppetserver", "production", hiera={"nodes/puppet.example.org.yaml": text})
        for text in (REMOTE, NAMED, closed)
    ])  # fmt: skip


def test_nothing_listens_and_nothing_is_open_where_nobody_is_named(catalogs: list[Catalog]) -> None:
    assert catalogs[0][SITE]["ensure"] == "absent"
    assert RULE not in catalogs[0]


def test_a_dot_in_a_name_stands_for_a_dot(catalogs: list[Catalog]) -> None:
    """Any other character in its place would be another machine."""
    assert r'"^CN=(?:ci\.example\.org|board-1\.example\.org)$"' in catalogs[1][SITE]["content"]


def test_the_port_is_open_to_the_fleets_network_or_to_whom_hiera_says(catalogs: list[Catalog]) -> None:
    rule = catalogs[1][RULE]["content"]
    assert "8082" in rule
    assert "10.77.0.0/24" in rule
    assert RULE not in catalogs[2]


def test_who_may_query_is_not_told_to_puppetdb_which_would_take_their_orders(catalogs: list[Catalog]) -> None:
    assert catalogs[1]["File[/etc/puppetdb/certificate-allowlist]"]["content"] == "puppet.example.org\n"
