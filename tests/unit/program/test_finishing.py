"""A release that is told to stop finishes the requests that it has begun, and nobody waits for it."""

import time
from collections.abc import Iterator

import pytest
from flask_microservice import places
from flask_microservice.commands import main
from flask_microservice.errors import SwitchError
from flask_microservice.service import Service
from flask_microservice.serving import Serving
from flask_microservice.status import Status, observe
from flask_microservice.switching import Switch
from flask_microservice.table import table
from program_node import Node, Systemd


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds that have passed: no wait takes any, and all are counted."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + seconds))
    return iter([passed])


@pytest.fixture
def service(node: Node, systemd: Systemd) -> Service:
    """A service whose first release serves, and has requests under way."""
    service = node.declare()
    first = switch(service, node, "first")
    systemd.busy.add(service.instance(first))
    systemd.calls.clear()
    return service


def switch(service: Service, node: Node, mark: str) -> str:
    """Switch to another config; return the release that serves."""
    (node.root / "default_config.ini").write_text(f"# {mark}\n")
    Switch(service).to_declared(even_if_rolled_back=True)
    return service.serving().release


def keep(service: Service, number: int) -> None:
    """Declare how many releases are to stay."""
    unit = service.declared_unit
    unit.write_text(unit.read_text().replace("Keep=3", f"Keep={number}"))


def status() -> Status:
    (found,) = observe()
    return found


def finish(systemd: Systemd, service: Service, release: str) -> None:
    """End the requests of a release; systemd runs what waits for that."""
    systemd.end(service.instance(release))
    for after, command in systemd.queued:
        if after == {service.instance(release)}:
            assert command[:-2] == [str(places.PROGRAM)]
            assert main(command[1:]) == 0


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_a_switch_does_not_wait_for_requests_of_the_old_release_and_cuts_none(
    service: Service, node: Node, systemd: Systemd
) -> None:
    old = service.serving().release
    new = switch(service, node, "second")
    assert service.instance(old) in systemd.ending, "it was cut off, or was waited for"
    assert service.serving() == Serving(new, [old])
    assert (status().state, status().finishing) == ("serving", [old])
    assert not Switch(service).to_declared(even_if_rolled_back=False), "the next run finds something to do"
    finish(systemd, service, old)
    assert (status().state, status().finishing, status().kept) == ("serving", [], [old])
    assert systemd.queued == []


def test_the_next_switch_leaves_the_requests_of_all_releases_before_it_alone(
    service: Service, node: Node, systemd: Systemd
) -> None:
    first = service.serving().release
    second = switch(service, node, "second")
    systemd.busy.add(service.instance(second))
    third = switch(service, node, "third")
    assert systemd.ending == {service.instance(first), service.instance(second)}
    assert service.serving() == Serving(third, [second, first])
    assert (status().state, status().finishing) == ("serving", sorted([first, second]))


def test_a_release_that_is_no_longer_kept_goes_once_its_requests_have_ended(
    service: Service, node: Node, systemd: Systemd, clock: Iterator[list[float]]
) -> None:
    keep(service, 1)
    first, (passed,) = service.serving().release, clock
    passed[0] = 0.0
    second = switch(service, node, "second")
    assert passed[0] < 10, "it was waited for"
    assert service.serving() == Serving(second)
    assert service.directory(first).exists(), "the files of a release that runs are gone"
    assert (status().state, status().finishing) == ("serving", [first])
    finish(systemd, service, first)
    assert service.prepared() == service.instances() == {second}
    assert status().state == "serving"
    assert list(places.UNITS.glob(f"*{first}*")) == []


def test_a_release_without_requests_that_is_no_longer_kept_goes_at_once(
    service: Service, node: Node, systemd: Systemd
) -> None:
    keep(service, 1)
    systemd.busy.clear()
    second = switch(service, node, "second")
    assert service.prepared() == service.instances() == {second}
    assert systemd.queued == []


def test_a_release_that_serves_again_before_it_was_removed_stays(
    service: Service, node: Node, systemd: Systemd
) -> None:
    keep(service, 1)
    first = switch(service, node, "first")
    systemd.busy.add(service.instance(first))
    switch(service, node, "second")
    assert switch(service, node, "first") == first
    _, command = systemd.queued[-1]
    assert main(command[1:]) == 0
    assert service.serving().release == first
    assert service.instance(first) in systemd.active
    assert service.directory(first).exists()


def test_an_operator_who_goes_back_to_a_release_that_finishes_is_told_what_is_waited_for(
    service: Service, node: Node, systemd: Systemd, capsys: pytest.CaptureFixture[str]
) -> None:
    first = service.serving().release
    switch(service, node, "second")
    assert main(["rollback", "orders"]) == 0
    assert service.serving().release == first
    assert service.instance(first) in systemd.active - systemd.ending
    told = f"orders: waiting for {first}, which finishes requests that it had begun when it was stopped;"
    assert f"{told} `systemctl kill --signal=KILL {service.instance(first)}` cuts them off" in capsys.readouterr().err


def test_the_requests_of_a_release_that_is_refused_on_the_port_are_not_cut(
    service: Service, node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = service.serving().release
    (node.root / "default_config.ini").write_text("# refused\n")
    new = service.declared().release

    def full(*_: object) -> None:
        systemd.busy.add(service.instance(new))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flask_microservice.switching.mark_migrated", lambda *_: None)
    monkeypatch.setattr(Serving, "unit", full)
    with pytest.raises(SwitchError, match=f"was refused: No space left on device; {first} still serves"):
        Switch(service).to_declared(even_if_rolled_back=True)
    assert service.instance(new) in systemd.ending
    assert service.directory(new).exists()
    finish(systemd, service, new)
    assert service.prepared() == service.instances() == {first}


def test_a_release_that_a_reboot_kept_from_being_removed_goes_with_the_next_run(
    service: Service, node: Node, systemd: Systemd
) -> None:
    keep(service, 1)
    first = service.serving().release
    second = switch(service, node, "second")
    systemd.end(service.instance(first))  # and what systemd had queued is forgotten
    assert status().state == "interrupted"
    Switch(service).to_declared(even_if_rolled_back=False)
    assert (status().state, service.prepared()) == ("serving", {second})


def test_a_removal_waits_for_all_requests_since_what_they_use_goes_next(
    service: Service, node: Node, systemd: Systemd
) -> None:
    first = service.serving().release
    second = switch(service, node, "second")
    systemd.busy.add(service.instance(second))
    systemd.calls.clear()
    assert main(["remove", "orders"]) == 0
    stopped = next(call for call in systemd.calls if call[:2] == ("stop", "orders.socket"))
    assert {service.instance(first), service.instance(second)} <= set(stopped), "one is waited for after the other"
    assert not systemd.active | systemd.ending | systemd.busy
    assert list(places.UNITS.glob("orders[.@]?*.s*")) == []
    assert main(["tidy", "orders"]) == 0  # what systemd had queued finds nothing, and makes nothing
    assert not service.run.exists()


def test_the_table_says_which_releases_finish(service: Service, node: Node) -> None:
    first = service.serving().release
    switch(service, node, "second")
    assert table([status()]).splitlines()[1].split()[-2:] == [first, "(finishing)"]
    keep(service, 1)
    switch(service, node, "third")
    assert f"{first} (finishing)" in table([status()])


def test_a_stop_that_waits_for_its_turn_is_no_interrupted_switch(
    service: Service, node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd answers that the release is active until it has come to the stop that it was told."""
    first = service.serving().release
    systemd.busy.clear()
    switch(service, node, "second")
    queued, ask = {"ActiveState": "active", "Job": "7"}, systemd._property
    monkeypatch.setattr(
        systemd, "_property",
        lambda unit, name: queued.get(name) if unit == service.instance(first) and name in queued else ask(unit, name),
    )  # fmt: skip
    assert (status().state, status().finishing) == ("serving", [first])
