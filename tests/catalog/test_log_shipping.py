"""Log shipping: off unless a collector is named, and then of the journal and of each service's log, over TLS."""

from pathlib import Path

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

CONFIG = "File[/etc/rsyslog.conf]"
PROFILE = "profile::log_shipping"
REPO = Path(__file__).resolve().parents[2]


def app(hiera: str = "") -> Node:
    """A node of role app with more Hiera of its own."""
    certname = "shipper.example.test"
    return Node(certname, "app", "production", {f"nodes/{certname}.yaml": f"---\n{hiera}\n"} if hiera else {})


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    collector = f"{PROFILE}::collector: logs.example.test"
    nodes = {
        "off": app(),
        "tls": app(collector),
        "udp": app(f"{collector}\n{PROFILE}::protocol: udp\n{PROFILE}::port: 514"),
        "absent": app(f"{collector}\n{PROFILE}::ensure: absent"),
        "service absent": app(f"{collector}\nflask_microservice::services: {{orders: {{ensure: absent}}}}"),
        "placed elsewhere": app(
            f"{collector}\nflask_microservice::services: {{orders: {{nodes: [other.example.test]}}}}"
        ),
        "no protocol": app(f"{collector}\n{PROFILE}::protocol: http"),
    }
    return dict(zip(nodes, compile(list(nodes.values())), strict=True))


def test_nothing_is_shipped_unless_a_collector_is_named(catalogs: dict[str, Catalog]) -> None:
    assert CONFIG not in catalogs["off"]
    assert "Package[rsyslog]" not in catalogs["off"]


def test_every_service_and_the_journal_go_to_the_collector_over_tls(catalogs: dict[str, Catalog]) -> None:
    config = catalogs["tls"][CONFIG]["content"]
    for service in catalogs["tls"].titles("Flask_microservice::Service"):
        assert f'File="/var/log/{service}/{service}.log" Tag="{service}"' in config
    assert 'module(load="imjournal"' in config
    # By inotify, a new file that rsyslog may not read yet is given up.
    assert 'module(load="imfile" mode="polling" pollingInterval="1")' in config
    assert 'target="logs.example.test" port="6514"' in config
    assert 'streamDriverAuthMode="x509/name" streamDriverPermittedPeers="logs.example.test"' in config
    assert 'defaultNetstreamDriverKeyFile="/etc/rsyslog.tls/key.pem"' in config


def test_rsyslog_has_no_more_rights_than_to_read_logs(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["tls"]
    assert "User[_rsyslog]" in catalog
    dropin = catalog["File[/etc/systemd/system/rsyslog.service.d/unprivileged.conf]"]
    assert "Service[rsyslog]" in catalog["File[/etc/rsyslog.conf]"].references("notify") | dropin.references("notify")
    text = (REPO / "site/profile/files/log_shipping/unprivileged.conf").read_text(encoding="utf-8")
    assert {"User=_rsyslog", "SupplementaryGroups=adm systemd-journal", "CapabilityBoundingSet="} <= set(
        text.split("\n")
    )


def test_rsyslog_has_its_own_copy_of_the_nodes_key_which_nobody_else_reads(catalogs: dict[str, Catalog]) -> None:
    key = catalogs["tls"]["File[/etc/rsyslog.tls/key.pem]"]
    assert key["source"] == "/var/lib/puppet/ssl/private_keys/shipper.example.test.pem"
    assert (key["owner"], key["group"], key["mode"]) == ("root", "_rsyslog", "0640")
    assert (key["show_diff"], key["backup"]) == (False, False)
    assert key.references("notify") == {"Service[rsyslog]"}, "a new certificate would not be used"
    assert "File[/etc/rsyslog.tls/key.pem]" not in catalogs["udp"]
    for kind in ("udp", "absent"):
        assert catalogs[kind]["File[/etc/rsyslog.tls]"]["ensure"] == "absent"


def test_plain_text_is_sent_only_if_it_is_asked_for(catalogs: dict[str, Catalog]) -> None:
    config = catalogs["udp"][CONFIG]["content"]
    assert 'port="514"' in config
    assert 'protocol="udp"' in config
    assert "ossl" not in config


def test_a_removed_service_is_not_waited_for(catalogs: dict[str, Catalog]) -> None:
    config = catalogs["service absent"][CONFIG]["content"]
    assert "/var/log/orders/" not in config
    assert "/var/log/inventory/" in config


def test_a_service_that_is_placed_elsewhere_is_not_named(catalogs: dict[str, Catalog]) -> None:
    """Other nodes were told the names of all services of the fleet."""
    config = catalogs["placed elsewhere"][CONFIG]["content"]
    assert "orders" not in config
    assert "/var/log/inventory/" in config


def test_shipping_that_was_on_can_be_taken_back(catalogs: dict[str, Catalog]) -> None:
    assert catalogs["absent"]["Service[rsyslog]"]["ensure"] == "stopped"
    assert catalogs["absent"]["Package[rsyslog]"]["ensure"] == "purged"
    assert catalogs["absent"]["User[_rsyslog]"]["ensure"] == "absent"


def test_an_unknown_protocol_is_refused(catalogs: dict[str, Catalog]) -> None:
    assert "protocol" in catalogs["no protocol"].error
