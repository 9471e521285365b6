"""Whatever goes wrong in a switch, what served before still serves, and the message says why."""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_microservice import health, places, starting
from flask_microservice.commands import main
from flask_microservice.errors import SwitchError
from flask_microservice.service import Service
from flask_microservice.serving import Serving
from flask_microservice.switching import Switch
from program_node import Node, Systemd


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock on which every wait is over at once, and yet passes."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + seconds))
    return iter(())


def switch(service: Service) -> str:
    """Switch to what is declared; return the release that serves."""
    Switch(service).to_declared(even_if_rolled_back=True)
    return service.serving().release


def touch(node: Node, mark: str) -> None:
    (node.root / "default_config.ini").write_text(f"# {mark}\n")


def traces(service: Service) -> set[str]:
    """Releases that have anything on the node besides those that are known."""
    return (service.prepared() | service.instances() | service.being_checked()) - service.serving().known


@pytest.fixture
def service(node: Node, systemd: Systemd) -> Service:
    """A service whose first release serves."""
    service = node.declare()
    assert switch(service)
    systemd.calls.clear()
    return service


def test_the_first_release_serves_and_comes_up_after_a_reboot(service: Service, systemd: Systemd) -> None:
    release = service.serving().release
    assert systemd.active >= {"orders.socket", "orders.service", service.instance(release)}
    assert systemd.enabled == {"orders.socket", "orders.service"}
    assert traces(service) == set()


def test_nothing_is_done_where_the_declared_release_serves(service: Service, systemd: Systemd) -> None:
    assert not Switch(service).to_declared(even_if_rolled_back=False)
    assert systemd.calls == []


def test_a_release_is_tried_before_it_gets_the_port_and_the_old_one_stops_last(
    service: Service, node: Node, systemd: Systemd
) -> None:
    old = service.serving().release
    touch(node, "second")
    new = switch(service)
    socket = service.instance(old).replace(".service", ".socket")
    wanted = [
        ("start", service.check_unit(new)),
        ("start", service.instance(new)),
        ("stop", service.instance(old), socket),
    ]
    assert [call for call in systemd.calls if call in wanted] == wanted
    assert service.serving() == Serving(new, [old])
    assert traces(service) == set()
    assert service.instance(old) not in systemd.active


def test_each_release_goes_back_to_the_secret_environment_that_it_had(service: Service, node: Node) -> None:
    releases = {"none": service.serving().release}
    for token in ("one", "two"):
        node.declare_environment(f'TOKEN="{token}"\n')
        releases[token] = switch(service)
    assert len(set(releases.values())) == 3
    Switch(service).back("")
    assert service.serving().release == releases["one"]
    environment = {name: service.directory(release) / "secret_environment" for name, release in releases.items()}
    assert environment["one"].read_text() == 'TOKEN="one"\n'
    assert environment["two"].read_text() == 'TOKEN="two"\n'
    assert not environment["none"].exists()


def test_a_secret_environment_that_is_no_longer_declared_stays_with_its_releases_alone(
    service: Service, node: Node
) -> None:
    """Puppet knows nothing of it any more: it would be in /etc for ever."""
    node.declare_environment('TOKEN="hush"\n')
    kept = switch(service)
    node.declare()
    assert (node.root / "secret_environment").exists()
    switch(service)
    assert not (node.root / "secret_environment").exists()
    assert (service.directory(kept) / "secret_environment").exists()


def test_the_last_three_releases_stay_and_older_ones_go(service: Service, node: Node) -> None:
    names = [service.serving().release]
    for mark in ("b", "c", "d", "e"):
        touch(node, mark)
        names.insert(0, switch(service))
    assert service.serving() == Serving(names[0], names[1:3])
    assert service.prepared() == service.instances() == set(names[:3])
    assert not list(places.UNITS.glob(f"*{names[3]}*"))


def test_a_release_that_fails_its_check_never_serves(service: Service, node: Node, systemd: Systemd) -> None:
    old = service.serving().release
    touch(node, "broken")
    new = service.declared().release
    systemd.failing[service.check_unit(new)] = "RuntimeError: there is no way"
    with pytest.raises(SwitchError) as caught:
        switch(service)
    assert str(caught.value) == (
        f"{new} was refused: it did not start: RuntimeError: there is no way; {old} still serves"
    )
    assert ("start", service.instance(new)) not in systemd.calls
    assert (service.serving().release, traces(service)) == (old, set())
    assert service.instance(old) in systemd.active


def test_a_release_that_is_never_ready_never_serves(
    service: Service, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = service.serving().release
    touch(node, "never ready")
    monkeypatch.setattr(health, "answer", lambda *_: (503, "not yet"))
    with pytest.raises(
        SwitchError, match=r"not ready within 1 s \(deadlines\.ready\): GET /health/ready answered 503: not yet"
    ):
        switch(service)
    assert (service.serving().release, traces(service)) == (old, set())


def test_a_check_socket_that_is_in_the_way_is_the_reason_and_leaves_no_check(
    service: Service, node: Node, systemd: Systemd
) -> None:
    old = service.serving().release
    touch(node, "busy")
    new = service.declared().release
    (service.check_socket(new, checking=True) / "taken").mkdir(parents=True)
    systemd.failing[f"orders-check@{new}.socket"] = "orders.socket: Failed to create listening socket: Is a directory"
    with pytest.raises(SwitchError) as caught:
        switch(service)
    assert str(caught.value) == (
        f"{new} was refused: its socket for health checks can't be opened: orders.socket: Failed to create listening"
        f" socket: Is a directory; {old} still serves"
    )
    assert traces(service) == set()


@pytest.mark.usefixtures("systemd")
def test_an_operator_with_a_strict_umask_makes_releases_that_the_service_can_read(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = node.declare()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    before = os.umask(0o077)
    try:
        assert main(["switch", "orders"]) == 0
    finally:
        os.umask(before)
    directory = service.directory(service.serving().release)
    for path in (service.releases, directory, service.run):
        assert path.stat().st_mode & 0o005 == 0o005, path


def test_a_release_that_fails_on_the_port_is_taken_back(service: Service, node: Node, systemd: Systemd) -> None:
    old = service.serving().release
    touch(node, "broken")
    new = service.declared().release
    systemd.failing[service.instance(new)] = "Error: port"
    with pytest.raises(SwitchError, match="was refused: it did not start: Error: port; "):
        switch(service)
    assert (service.serving().release, traces(service)) == (old, set())
    assert systemd.active == {"orders.socket", "orders.service", service.instance(old)} | {
        unit for unit in systemd.active if unit.endswith(f"{old}.socket")
    }


def test_a_port_that_another_program_has_is_named_and_the_old_one_is_declared_again(
    service: Service, systemd: Systemd
) -> None:
    old, before = service.serving().release, service.socket_unit.read_text()
    unit = service.declared_unit
    unit.write_text(unit.read_text().replace("7001", "7002"))
    systemd.failing["orders.socket"] = "orders.socket: Failed to create listening socket: Address already in use"
    with pytest.raises(SwitchError, match=r"refused: its port can't be opened: .*Address already in use"):
        switch(service)
    assert service.socket_unit.read_text() == before
    assert (service.serving().release, traces(service)) == (old, set())
    assert {"orders.service", service.instance(old)} <= systemd.active


def test_a_disk_that_is_full_when_the_switch_is_recorded_leaves_the_old_release(
    service: Service, node: Node, monkeypatch: pytest.MonkeyPatch, systemd: Systemd
) -> None:
    old = service.serving().release
    touch(node, "no room")
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if target == service.state_unit:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(SwitchError, match=f"refused: No space left on device .*; {old} still serves"):
        switch(service)
    assert (service.serving().release, traces(service)) == (old, set())
    assert service.instance(old) in systemd.active


def test_a_problem_on_the_way_back_does_not_hide_why_it_was_refused(
    service: Service, node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(node, "broken")
    new = service.declared().release
    systemd.failing[service.check_unit(new)] = "RuntimeError: there is no way"

    def stuck(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("flask_microservice.instances.remove_release", stuck)
    with pytest.raises(SwitchError, match=r"there is no way \(and on the way back: Read-only file system\); .* still"):
        switch(service)


def test_a_release_that_runs_and_was_once_restarted_by_systemd_is_not_refused(
    service: Service, systemd: Systemd
) -> None:
    release = service.serving().release
    systemd.restarts[service.instance(release)] = 3
    systemd.enabled.clear()
    assert switch(service) == release
    assert systemd.enabled == {"orders.socket", "orders.service"}


def test_a_port_that_somebody_closed_is_opened_again(service: Service, systemd: Systemd) -> None:
    release = service.serving().release
    systemd.active.remove("orders.socket")
    assert switch(service) == release
    wanted = [("stop", service.instance(release)), ("start", "orders.socket"), ("start", service.instance(release))]
    assert [call for call in systemd.calls if call in wanted] == wanted


def test_a_port_stays_open_while_what_is_said_of_it_changes(service: Service, systemd: Systemd) -> None:
    written = service.socket_unit.read_text()
    service.socket_unit.write_text(written.replace("Description=", "Description=Formerly the "))
    switch(service)
    assert service.socket_unit.read_text() == written
    assert ("stop", "orders.socket", "orders.service") not in systemd.calls


@pytest.mark.parametrize("installed", ["", "installed 1.4.1-1", "config-files 1.4.2-1"])
def test_a_version_that_is_not_installed_is_refused(
    installed: str, service: Service, node: Node, systemd: Systemd
) -> None:
    old = service.serving().release
    touch(node, "not installed")
    systemd.installed = installed
    with pytest.raises(SwitchError, match=rf"orders 1\.4\.2-1 is declared, but it is .* on this node; {old} still"):
        switch(service)
    assert traces(service) == set()


def test_an_operator_goes_back_and_puppet_does_not_undo_it(service: Service, node: Node) -> None:
    first = service.serving().release
    touch(node, "second")
    second = switch(service)
    Switch(service).back("")
    assert service.serving() == Serving(first, [second], [second])
    with pytest.raises(SwitchError, match=f"{second} was rolled back on this node, .*; {first} still serves"):
        Switch(service).to_declared(even_if_rolled_back=False)
    assert Switch(service).to_declared(even_if_rolled_back=True)
    assert service.serving() == Serving(second, [first])


def test_going_back_to_what_is_not_kept_says_what_is(service: Service, node: Node) -> None:
    first = service.serving().release
    with pytest.raises(SwitchError, match="no release is kept to go back to"):
        Switch(service).back("")
    touch(node, "second")
    switch(service)
    with pytest.raises(SwitchError, match=f"9 is not kept; there are: {first};"):
        Switch(service).back("9")


class Killed(BaseException):
    """In the place of SIGKILL: no handler of the program's runs."""


@pytest.mark.parametrize("step", range(1, 40))
def test_a_switch_that_is_killed_at_any_step_loses_nothing_and_the_next_one_goes_on(
    step: int, service: Service, node: Node, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = service.serving().release
    touch(node, "killed")
    new = service.declared().release
    left, run, rename = [step], systemd.run, Path.rename

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def killed_run(command: list[str], **options: object) -> object:
        count()
        return run(command, **options)

    def killed_rename(path: Path, target: Path) -> Path:
        count()
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", killed_run)
        patch.setattr(Path, "rename", killed_rename)
        try:
            Switch(service).to_declared(even_if_rolled_back=True)
        except Killed:
            serves = service.serving().release
            assert serves in (old, new)
            assert service.instance(serves) in systemd.active
            assert service.instance(old) in systemd.active or serves == new
    # Meanwhile something else was declared: what the killed one left must go all the same.
    touch(node, "another")
    another = switch(service)
    assert another == service.declared().release
    assert traces(service) == set()
    assert service.half_prepared() == []
    running = {unit for unit in systemd.active if "@" in unit and unit.endswith(".service")}
    assert running == {service.instance(another)}


def test_removal_leaves_nothing_that_runs(service: Service, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    release = service.serving().release
    service.declared_unit.unlink()  # by hand, before Puppet removed the service
    assert main(["remove", "--drain", "1", "orders"]) == 0
    assert not {"orders.socket", "orders.service", service.instance(release)} & systemd.active
    assert systemd.enabled == set()
    assert list(places.UNITS.iterdir()) == []
    assert not service.releases.exists()
    systemd.calls.clear()
    assert main(["remove", "orders"]) == 0
    assert systemd.calls == []


def test_a_start_that_never_begins_does_not_hold_the_lock_for_ever(
    service: Service, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = {"ActiveState": "inactive", "SubState": "dead", "Job": "7"}
    ask = systemd._property
    monkeypatch.setattr(systemd, "_property", lambda unit, name: queued.get(name) or ask(unit, name))
    with pytest.raises(SwitchError, match=r"not ready within 1 s \(deadlines\.ready\): it did not start"):
        starting.start_until_ready("orders@1.service", Path("/nowhere"), service.declared().unit)


def test_a_port_that_a_killed_switch_had_moved_is_moved_back_even_if_nothing_can_be_switched(
    service: Service, systemd: Systemd
) -> None:
    old, before = service.serving().release, service.socket_unit.read_text()
    (places.UNITS / service.instance("1.4.3-1.00000000")).write_text("[Unit]\n")
    service.socket_unit.write_text(before.replace("7001", "7002"))
    unit = service.declared_unit
    unit.write_text(unit.read_text().replace("Version=1.4.2-1", "Version=1.4.3-1"))
    with pytest.raises(SwitchError, match=f"but it is 1.4.2-1 on this node; {old} still serves"):
        switch(service)
    assert service.socket_unit.read_text() == before
    assert ("start", "orders.socket") in systemd.calls
    assert traces(service) == set()


def test_a_kept_release_that_can_not_start_now_stays_kept(service: Service, node: Node, systemd: Systemd) -> None:
    first = service.serving().release
    touch(node, "second")
    second = switch(service)
    systemd.failing[service.instance(first)] = "RuntimeError: the database is newer"
    with pytest.raises(SwitchError, match=f"{first} was refused: .*the database is newer; {second} still serves"):
        Switch(service).back(first)
    assert service.serving() == Serving(second, [first])
    assert service.directory(first).exists()


@pytest.mark.parametrize(
    ("crashes", "reason"),
    [(True, "it was ready, but then it stopped: Error: bye"), (False, "it was ready, but then it no longer was: ")],
)
def test_a_release_that_is_ready_for_a_moment_only_never_serves(
    crashes: bool, reason: str, service: Service, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = service.serving().release
    service.declared_unit.write_text(service.declared_unit.read_text().replace("WatchSec=0", "WatchSec=5"))
    check = service.check_unit(service.declared().release)
    asked: list[Path] = []

    def answer(path: Path, _: str) -> tuple[int, str]:
        asked.append(path)
        if len(asked) < 4:
            return 200, "ready"
        if crashes:
            systemd.failing[check] = "Error: bye"
            systemd.active.discard(check)
        return 503, "no"

    monkeypatch.setattr(health, "answer", answer)
    with pytest.raises(SwitchError, match=f"was refused: {reason}"):
        switch(service)
    assert (service.serving().release, traces(service)) == (old, set())


@pytest.mark.parametrize("last", [3, 26])
def test_a_release_that_ends_and_is_started_again_by_its_health_check_never_serves(
    last: int, service: Service, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd starts what its socket is asked for: a release that ends would look as if it had run throughout."""
    old = service.serving().release
    service.declared_unit.write_text(service.declared_unit.read_text().replace("WatchSec=0", "WatchSec=5"))
    check = service.check_unit(service.declared().release)
    started, ask = ["first"], systemd._property
    monkeypatch.setattr(
        systemd, "_property", lambda unit, name: started[-1] if name == "InvocationID" else ask(unit, name)
    )
    asked: list[Path] = []

    def answer(path: Path, _: str) -> tuple[int, str]:
        asked.append(path)
        if len(asked) == last:
            started.append("second")
        return 200, "ready"

    monkeypatch.setattr(health, "answer", answer)
    systemd.journal["_SYSTEMD_INVOCATION_ID=first"] = ["giving up"]
    systemd.journal["_SYSTEMD_INVOCATION_ID=second"] = ["starting"]
    with pytest.raises(SwitchError, match="was refused: it was ready, but then it stopped: giving up; "):
        switch(service)
    assert (service.serving().release, check in systemd.active) == (old, False)


def test_migrations_that_take_longer_than_a_start_may_are_waited_for(
    service: Service, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = systemd._property

    def migrating(unit: str, name: str) -> str:
        if name == "ActiveState":
            asked.append(unit)
        # A moment in the queue, then twenty seconds of migrations; a start may take one.
        queued = {"ActiveState": "inactive", "SubState": "dead", "Job": "7"}
        shown = {"ActiveState": "activating", "SubState": "start-pre"} if 2 < len(asked) < 200 else {}
        shown = queued if len(asked) == 2 else shown
        return shown.get(name) or ask(unit, name)

    monkeypatch.setattr(systemd, "_property", migrating)
    starting.start_until_ready("orders@1.service", Path("/somewhere"), service.declared().unit)
    assert len(asked) >= 200
