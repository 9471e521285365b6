"""What an operator went back from stays away until somebody wants it, and going back reaches the clients."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_microservice import places
from flask_microservice.commands import main
from flask_microservice.errors import SwitchError
from flask_microservice.service import Service
from flask_microservice.serving import Serving, refused_until
from flask_microservice.status import observe
from flask_microservice.switching import Switch
from flask_microservice.table import table
from program_node import Node, Systemd

REPO = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock on which every wait is over at once, and yet passes."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + seconds))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return iter(())


@pytest.fixture
def service(node: Node, systemd: Systemd) -> Service:
    """A service whose first release serves."""
    assert systemd
    service = node.declare()
    Switch(service).to_declared(even_if_rolled_back=False)
    return service


def declare(service: Service, node: Node, mark: str, listens: str = "0.0.0.0:7001") -> str:
    """Declare another config, and where the service is to listen; return the release that serves then."""
    (node.root / "default_config.ini").write_text(f"# {mark}\n")
    unit = service.declared_unit
    lines = [f"ListenStream={listens}" if line.startswith("ListenStream=") else line
             for line in unit.read_text().splitlines()]  # fmt: skip
    unit.write_text("\n".join(lines) + "\n")
    Switch(service).to_declared(even_if_rolled_back=False)
    return service.serving().release


def test_what_an_operator_went_back_from_twice_does_not_come_back_by_itself(service: Service, node: Node) -> None:
    first = service.serving().release
    second = declare(service, node, "second")
    third = declare(service, node, "third")
    Switch(service).back("")
    assert service.serving() == Serving(second, [third, first], [third])
    Switch(service).back("")
    assert service.serving() == Serving(first, [second, third], [second, third])
    with pytest.raises(SwitchError, match=f"{third} was rolled back on this node"):
        Switch(service).to_declared(even_if_rolled_back=False)
    with pytest.raises(SwitchError, match=f"name the one to serve, of {second} {third}; {first} still serves"):
        Switch(service).back("")


def test_a_release_that_was_gone_back_from_is_acceptable_once_another_one_has_taken_over(
    service: Service, node: Node
) -> None:
    declare(service, node, "second")
    Switch(service).back("")
    third = declare(service, node, "third")
    assert service.serving().rolled_back == []
    assert declare(service, node, "second") != third


def test_going_back_to_where_no_client_asks_is_refused_with_what_to_do(
    service: Service, node: Node, systemd: Systemd
) -> None:
    first = service.serving().release
    second = declare(service, node, "moved", "0.0.0.0:7002")
    systemd.calls.clear()
    with pytest.raises(SwitchError) as caught:
        Switch(service).back("")
    assert str(caught.value) == (
        f"{first} listens on 0.0.0.0:7001, and clients, firewall and balancer know 0.0.0.0:7002 of {second}: declare"
        f" port 7001 and version 1.4.2-1 in Hiera, and run the agent; {second} still serves"
    )
    assert systemd.calls == [], "something was started or stopped"
    assert service.serving().rolled_back == [], "the release that serves is taken for one that was rolled back"


def test_a_release_to_go_back_to_that_clients_do_reach_is_named(service: Service, node: Node) -> None:
    second = declare(service, node, "second", "/run/orders.sock")
    third = declare(service, node, "third", "[2001:db8::1]:7001")
    fourth = declare(service, node, "fourth", "/run/orders.sock")
    with pytest.raises(SwitchError) as caught:
        Switch(service).back("")
    assert f"declare port 7001 and address 2001:db8::1 and version 1.4.2-1 in Hiera, and run the agent, or go back to" \
           f" {second}, which listens where clients ask; {fourth} still serves" in str(caught.value)  # fmt: skip
    assert third in str(caught.value)
    Switch(service).back(second)
    assert service.serving().release == second


def test_a_kept_release_whose_files_somebody_removed_is_said_before_anything_is_stopped(
    service: Service, node: Node, systemd: Systemd
) -> None:
    first = service.serving().release
    second = declare(service, node, "second")
    (service.directory(first) / "unit").unlink()
    systemd.calls.clear()
    with pytest.raises(SwitchError, match=f"has somebody removed the release.*; {second} still serves"):
        Switch(service).back("")
    assert systemd.calls == []


def test_status_message_and_documents_say_in_the_same_words_what_becomes_of_it(
    service: Service, node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    second = declare(service, node, "second")
    Switch(service).back("")
    said = f"{second} was rolled back on this node, and {refused_until('orders')}"
    (status,) = observe()
    assert (status.state, status.note) == ("rolled-back", said)
    assert table([status]).splitlines()[-1] == f"orders: {said}"
    assert main(["switch", "--unless-rolled-back", "orders"]) == 1
    assert f"orders: {said}; {service.serving().release} still serves" in capsys.readouterr().err
    for page in ("docs/versions.md", "modules/flask_microservice/README.md"):
        text = " ".join((REPO / page).read_text(encoding="utf-8").split())
        assert f"A release that was rolled back on a node {refused_until('NAME')}." in text, page


@pytest.mark.parametrize("at_once", [False, True])
def test_what_has_served_before_goes_back_at_once_without_a_trial(
    service: Service, node: Node, at_once: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    first = service.serving().release
    declare(service, node, "second")
    capsys.readouterr()
    Switch(service).back(first, at_once=at_once)
    said = capsys.readouterr().err
    assert service.serving().release == first
    assert (f"orders: trying {first}" not in said) is at_once
    assert f"orders: starting {first}" in said


def test_what_was_gone_back_from_may_come_again_once_puppet_has_declared_what_serves(
    service: Service, node: Node
) -> None:
    """A rollout that was taken back, and is tried again: the release of the first time must not be refused."""
    first = service.serving().release
    second = declare(service, node, "second")
    Switch(service).back(first)
    config = node.root / "default_config.ini"
    refused = config.read_bytes()
    config.write_bytes((places.RELEASES / "orders" / first / "default_config.ini").read_bytes())
    (status,) = observe(["orders"])
    assert status.state == "gone-back"
    assert Switch(service).to_declared(even_if_rolled_back=False)
    assert observe(["orders"])[0].state == "serving"
    config.write_bytes(refused)
    Switch(service).to_declared(even_if_rolled_back=False)
    assert service.serving().release == second
