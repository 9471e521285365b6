"""What nftables is told of the connections of services; tests/system/test_confining.py has what comes of it."""

import pwd
from types import SimpleNamespace

import pytest
from flask_microservice import confining
from flask_microservice.commands import main
from flask_microservice.errors import SwitchError
from flask_microservice.service import Service
from flask_microservice.unit import Unit
from program_node import Node, Systemd

ONE = "IPAddressDeny=any\nIPAddressAllow={}\n[X-Flask-Microservice]\nPeers={}\n"
NEW = "tcp flags & (fin | syn | rst | ack) != syn accept"
NO = "reject with icmpx host-unreachable"


def unit(allowed: str, peers: str) -> Unit:
    return Unit(f"[Service]\n{ONE.format(allowed, peers)}")


def only(address: str, ports: str) -> str:
    return f"{address} meta l4proto {{ tcp, udp }} th dport {{ {ports} }} accept"


@pytest.mark.parametrize(
    ("units", "rules"),
    [
        ([unit("192.0.2.1 2001:db8::1", "192.0.2.1:53 192.0.2.1:5432 [2001:db8::1]:7002")],
         [only("ip daddr 192.0.2.1/32", "53, 5432"), only("ip6 daddr 2001:db8::1/128", "7002")]),
        ([unit("192.0.2.0/24", "192.0.2.0/24")], ["ip daddr 192.0.2.0/24 accept"]),
        # Both may run at once, and have one account.
        ([unit("192.0.2.1", "192.0.2.1:80"), unit("192.0.2.1", "192.0.2.1:81")],
         [only("ip daddr 192.0.2.1/32", "80, 81")]),
        ([unit("192.0.2.1", "192.0.2.1:80"), unit("192.0.2.1", "192.0.2.1")], ["ip daddr 192.0.2.1/32 accept"]),
        ([unit("192.0.2.1", "192.0.2.1"), unit("192.0.2.1", "192.0.2.1:80")], ["ip daddr 192.0.2.1/32 accept"]),
        # An address that its `unit` adds has no port.
        ([unit("192.0.2.1 192.0.2.2", "192.0.2.1:80")],
         [only("ip daddr 192.0.2.1/32", "80"), "ip daddr 192.0.2.2/32 accept"]),
    ],
)  # fmt: skip
def test_an_account_may_connect_where_one_of_its_releases_may(units: list[Unit], rules: list[str]) -> None:
    assert confining.rules(units) == [NEW, *rules, NO]


def test_an_account_that_may_connect_anywhere_and_one_without_a_release_have_no_rules() -> None:
    assert confining.rules([unit("192.0.2.1", "192.0.2.1:80"), Unit("[Service]\n")]) == confining.rules([]) == []


def test_each_service_has_rules_of_its_own_and_they_are_loaded_at_once(
    node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    accounts = {"orders": 998, "order-items": 997}
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=accounts[name]))
    for name in (*accounts, "without-account"):
        node.declare(name)
    assert main(["confine", "orders"]) == 0
    (text,) = systemd.told_nft
    jumps = "997 : jump of_order-items, 998 : jump of_orders"
    assert f"add rule inet flask_microservice output meta skuid vmap {{ {jumps} }}" in text.splitlines()
    assert "flush chain inet flask_microservice of_orders\n" in text
    assert "flush chain inet flask_microservice of_order-items" not in text


@pytest.mark.usefixtures("node")
def test_what_nft_does_not_take_is_said_and_keeps_no_service_from_being_removed(
    node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    systemd.nft_refuses = "Error: Could not process rule:\n  Operation not permitted\n"
    node.declare()
    said = "nft did not take the rules for its connections: Error: Could not process rule: Operation not permitted\n"
    with pytest.raises(SwitchError, match="nft did not take"):
        confining.confine(Service("orders"))
    assert main(["confine", "orders"]) == 1
    assert capsys.readouterr().err == f"flask-microservice: orders: {said}"
    (node.root / "releases/orders").mkdir()
    assert main(["remove", "orders"]) == 0
    assert capsys.readouterr().err.endswith(f"orders: {said}")
