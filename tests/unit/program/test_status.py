"""`flask-microservice status` says what a service does, and Puppet acts on it."""

import json

import pytest
from flask_microservice import health, places
from flask_microservice.commands import main
from flask_microservice.service import Service
from flask_microservice.serving import Serving
from flask_microservice.status import Status, observe
from flask_microservice.table import table
from flask_microservice.unit_texts import socket_text
from program_node import Node, Systemd

OTHER = "1.4.1-1.00000000"
KEPT = "1.4.0-1.11111111"


def serving(node: Node, systemd: Systemd) -> tuple[Service, str]:
    """A service whose declared release serves, beside a kept one."""
    service = node.declare()
    declared = service.declared()
    release = declared.release
    service.state_unit.write_text(Serving(release, [KEPT]).unit("orders"))
    service.socket_unit.write_text(socket_text(service, declared.unit))
    (places.UNITS / service.instance(release)).write_text(declared.unit.text)
    for one in (release, KEPT):
        service.directory(one).mkdir(parents=True)
        (service.directory(one) / "unit").write_text(declared.unit.text)
    systemd.active = {"orders.socket", "orders.service", service.instance(release)}
    systemd.enabled = {"orders.socket", "orders.service"}
    return service, release


def state() -> str:
    (status,) = observe()
    return status.state


def test_a_release_that_serves_is_left_alone(node: Node, systemd: Systemd) -> None:
    _, release = serving(node, systemd)
    assert observe() == [Status("orders", "serving", "1.4.2-1", release, release, [KEPT], draining=False)]


@pytest.mark.usefixtures("systemd")
def test_a_service_that_was_never_switched_is_new(node: Node) -> None:
    node.declare()
    assert state() == "new"


def test_a_config_that_puppet_changed_makes_it_outdated(node: Node, systemd: Systemd) -> None:
    serving(node, systemd)
    (node.root / "default_config.ini").write_text("[app]\n")
    assert state() == "outdated"


def test_a_release_that_an_operator_went_back_from_is_told_apart(node: Node, systemd: Systemd) -> None:
    service, release = serving(node, systemd)
    service.state_unit.write_text(Serving(KEPT, [], [release]).unit("orders"))
    (places.UNITS / service.instance(release)).unlink()
    service.state_unit.write_text(Serving(KEPT, [release], [release]).unit("orders"))
    systemd.active.discard(service.instance(release))
    assert state() == "rolled-back"


@pytest.mark.parametrize("unit", ["orders.socket", "orders.service", "orders@{release}.service"])
def test_a_unit_that_does_not_run_is_noticed(unit: str, node: Node, systemd: Systemd) -> None:
    _, release = serving(node, systemd)
    systemd.active.remove(unit.format(release=release))
    assert state() == "stopped"


@pytest.mark.parametrize("unit", ["orders.socket", "orders.service"])
def test_a_unit_that_would_not_come_up_after_a_reboot_is_noticed(unit: str, node: Node, systemd: Systemd) -> None:
    serving(node, systemd)
    systemd.enabled.remove(unit)
    assert state() == "stopped"


@pytest.mark.parametrize("unit", ["orders.socket", "orders@{release}.service"])
def test_a_unit_that_somebody_edited_is_noticed(unit: str, node: Node, systemd: Systemd) -> None:
    _, release = serving(node, systemd)
    path = places.UNITS / unit.format(release=release)
    path.write_text(path.read_text() + "# by hand\n")
    assert state() == "stopped"


@pytest.mark.parametrize("trace", ["instance", "check", "half", "directory", "kept runs"])
def test_what_a_killed_switch_left_is_noticed(trace: str, node: Node, systemd: Systemd) -> None:
    service, _ = serving(node, systemd)
    if trace == "instance":
        (places.UNITS / service.instance(OTHER)).touch()
    elif trace == "check":
        (places.CHECK_UNITS / service.check_unit(OTHER)).touch()
    elif trace == "half":
        (service.releases / f".preparing-{OTHER}").mkdir()
    elif trace == "directory":
        service.directory(OTHER).mkdir()
    else:
        systemd.active.add(service.instance(KEPT))
    assert state() == "interrupted"


def test_what_is_no_release_is_no_trace_of_a_switch(node: Node, systemd: Systemd) -> None:
    service, _ = serving(node, systemd)
    (service.releases / "lost+found").mkdir()
    assert state() == "serving"


def test_a_service_that_puppet_no_longer_declares_is_shown(node: Node, systemd: Systemd) -> None:
    service, release = serving(node, systemd)
    service.declared_unit.unlink()
    assert observe() == []
    (status,) = observe(["orders"])
    assert (status.state, status.release, status.declared) == ("undeclared", release, "")


def test_a_service_that_runs_though_its_declaration_was_deleted_is_told_apart(node: Node, systemd: Systemd) -> None:
    serving(node, systemd)
    places.UNDECLARED.mkdir()
    (places.UNDECLARED / "orders").touch()
    (status,) = observe()
    assert (status.state, status.undeclared) == ("serving", True)
    assert "orders: runs, undeclared: " in table([status])


def test_a_declared_service_is_not_called_undeclared(node: Node, systemd: Systemd) -> None:
    serving(node, systemd)
    places.UNDECLARED.mkdir()
    (places.UNDECLARED / "inventory").touch()
    (status,) = observe()
    assert not status.undeclared
    assert "undeclared" not in table([status])


@pytest.mark.usefixtures("systemd")
@pytest.mark.usefixtures("node")
def test_templates_of_others_are_no_services() -> None:
    (places.UNITS / "getty@.service").write_text("[Service]\n")
    (places.UNITS / "broken@.service").write_bytes(b"\xff")
    assert observe() == []


def test_a_service_that_is_not_ready_does_not_hide_the_others(
    node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, release = serving(node, systemd)
    (status,) = observe(health=True)
    assert status.ready is True
    monkeypatch.setattr(health, "answer", lambda *_: (503, "no database"))
    (status,) = observe(health=True)
    assert status.ready is False
    (service.directory(release) / "unit").write_text("damaged")
    (status,) = observe(health=True)
    assert status.ready is False


def test_the_table_says_what_an_operator_looks_for(node: Node, systemd: Systemd) -> None:
    service, release = serving(node, systemd)
    service.draining.parent.mkdir()
    service.draining.touch()
    header, row = table(observe()).splitlines()
    assert header.split() == ["SERVICE", "STATE", "RELEASE", "HEALTH", "KEPT"]
    assert row.split() == ["orders", "serving", release, "draining", KEPT]
    assert table([]) == "No service is declared on this node."


def test_puppet_reads_what_the_program_prints(
    node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, release = serving(node, systemd)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert main(["status", "--json", "--no-health"]) == 0
    (status,) = json.loads(capsys.readouterr().out)
    assert (status["name"], status["state"], status["release"]) == ("orders", "serving", release)
