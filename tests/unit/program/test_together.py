"""Many services are switched at once, and none for the worse because of another."""

import json
import os
import threading

import pytest
from flask_microservice import health, systemd
from flask_microservice.commands import main
from flask_microservice.service import Service
from flask_microservice.together import switch_all
from program_node import Node, Systemd

NAMES = ("billing", "inventory", "orders")


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(health, "answer", lambda *_: (200, "ready"))


@pytest.fixture(name="services")
def declared(node: Node, systemd: Systemd) -> list[Service]:
    assert not systemd.active
    return [node.declare(name) for name in NAMES]


def test_all_that_is_declared_serves_after_one_call(
    services: list[Service], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["switch", "--json", *NAMES]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(it["name"], it["state"], it["changed"], it["error"]) for it in told] == [
        (name, "serving", True, None) for name in NAMES
    ]
    assert main(["switch", *NAMES, "orders"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"{service.name}: {service.serving().release} serves already" for service in services]


def test_one_that_is_refused_keeps_no_other_from_serving(
    services: list[Service], systemd: Systemd, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = services[1]
    systemd.failing[broken.instance(broken.declared().release)] = "RuntimeError: no"
    assert main(["switch", "--json", *NAMES]) == 1
    printed = capsys.readouterr()
    told = {it["name"]: it for it in json.loads(printed.out)}
    assert [told[name]["state"] for name in NAMES] == ["serving", "new", "serving"]
    assert "RuntimeError: no; nothing served before" in told["inventory"]["error"]
    assert printed.err.splitlines()[-1] == f"flask-microservice: inventory: {told['inventory']['error']}"


@pytest.mark.usefixtures("services")
def test_a_name_that_is_none_stops_before_anything_is_done(
    systemd: Systemd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["switch", "orders", "Nosuch"]) == 1
    assert capsys.readouterr().err == "flask-microservice: 'Nosuch' is no service's name\n"
    assert systemd.calls == []


def test_systemd_reads_its_units_once_for_all_that_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each of fifty services would be most of a first run."""
    begun, go_on, calls = threading.Event(), threading.Event(), []
    reload = systemd._Reloading()

    def slow(*arguments: str) -> str:
        calls.append(arguments)
        begun.set()
        assert go_on.wait(30)
        return ""

    monkeypatch.setattr(systemd, "systemctl", slow)
    threads = [threading.Thread(target=reload) for _ in range(8)]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    while reload._asked < len(threads):
        pass
    go_on.set()
    for thread in threads:
        thread.join(30)
    # The first, and one that began after all others had asked.
    assert calls == [("daemon-reload",)] * 2


def test_a_switch_that_breaks_off_is_no_success(services: list[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def break_off(*_: object) -> tuple[int, str]:
        raise ValueError

    monkeypatch.setattr(health, "answer", break_off)
    outcomes = switch_all(services, even_if_rolled_back=True)
    assert {outcome.error for outcome in outcomes.values()} == {"its switch ended without a result"}
