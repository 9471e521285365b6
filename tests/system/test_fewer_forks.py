"""The preloaded agent asks once for all services and packages: what it then does is what Puppet would have done."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.roots import rootfs

from . import answering

REPO = Path(__file__).resolve().parents[2]
PATCHES = {
    REPO / "site/profile/files/puppet_patches": "/usr/local/lib/site_ruby/puppet_patches",
    REPO / "site/profile/files/puppet_agent/patches": "/patches",
}
APPLY = Path(__file__).with_name("fewer_forks.rb")
FACTS = Path(__file__).with_name("facter_forks.rb")
RUNNING = {"a": "active enabled", "b": "active enabled", "c": "active enabled"}
DECLARED = "service { ['a', 'b', 'c']: ensure => running, enable => true, provider => systemd }\n"
ASKED_ONCE = ["is-active -- a b c", "is-enabled -- a b c"]


ASK: list[Callable[[Any], Any]] = []


@pytest.fixture(scope="module", autouse=True)
def ruby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ruby that has loaded Puppet."""
    with answering.ruby(APPLY, PATCHES, tmp_path_factory.mktemp("ruby")) as ask:
        ASK.append(ask)
        yield
        ASK.clear()


def apply(
    manifest: str, units: dict[str, str], *options: str, scripts: tuple[str, ...] = ()
) -> tuple[int, list[str], str]:
    """Exit status, the calls of systemctl in their order (both questions of a pair sorted), and what was printed."""
    (ask,) = ASK
    status, calls, printed = ask([manifest, units, options, scripts])
    lines = [line for line in calls if not line.startswith(("show", "unmask"))]
    return status, sorted(lines[:2]) + lines[2:], printed


def test_services_that_are_as_they_should_be_are_asked_for_once() -> None:
    assert apply(DECLARED, RUNNING)[:2] == (0, ASKED_ONCE)


def test_a_stopped_service_is_started_and_later_ones_are_asked_for_again() -> None:
    status, calls, printed = apply(DECLARED, {**RUNNING, "b": "inactive enabled"})
    assert status == 2, printed
    assert calls == [*ASKED_ONCE, "start -- b", "is-enabled -- b", "is-active -- c", "is-enabled -- c"]


@pytest.mark.parametrize(("before", "ahead"), [("'a', 'b', 'c'", False), ("'b'", True)])
def test_what_the_run_itself_stops_is_started(before: str, *, ahead: bool) -> None:
    """What was asked before a change does not hold after it, and after one nothing is asked ahead."""
    stop = f"exec {{ '/bin/sh -c \"echo inactive enabled > /units/b\"': before => Service[{before}] }}"
    status, calls, printed = apply(DECLARED + stop, RUNNING)
    assert status == 2, printed
    assert "start -- b" in calls
    assert (calls[:2] == ASKED_ONCE) is ahead


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("activating enabled", ["is-active -- b", "start -- b"]),
        ("active linked-runtime", ["is-enabled -- b"]),
        ("active disabled", ["enable -- b"]),
        ("failed enabled", ["start -- b"]),
        ("active not-found", ["enable -- b"]),
        ("active static", []),
        ("active indirect", []),
        ("active masked", ["enable -- b"]),
    ],
)
def test_what_systemctl_says_is_understood_as_puppet_does(words: str, then: list[str]) -> None:
    _, calls, printed = apply(DECLARED, {**RUNNING, "b": words})
    assert calls[:2] == ASKED_ONCE
    assert [call for call in calls[2:] if call.endswith("-- b")][: len(then) or None] == then, printed


def test_the_first_change_of_a_run_is_seen_by_the_second_of_the_same_service() -> None:
    """Puppet unmasks what it starts, and only then sees that it was enabled before it was masked."""
    declared = "service { ['a', 'b']: ensure => running, enable => false, provider => systemd }"
    status, calls, printed = apply(declared, {"a": "inactive masked enabled", "b": "active disabled"})
    assert status == 2, printed
    assert "disable -- a" in calls


def test_a_script_of_init_is_not_taken_for_a_unit_that_is_not_there() -> None:
    _, calls, printed = apply(DECLARED, {**RUNNING, "b": "active not-found"}, scripts=("b",))
    assert calls[2] == "is-enabled -- b", printed


def test_a_provided_package_is_looked_for_by_what_provides_it() -> None:
    manifest = "package { 'awk': ensure => installed, allow_virtual => true } package { 'dpkg': ensure => installed }"
    status, _, printed = apply(manifest, {})
    assert status == 0, printed


def test_a_command_for_the_status_is_what_counts() -> None:
    manifest = f"{DECLARED} Service['b'] {{ status => '/bin/false' }}"
    status, calls, printed = apply(manifest, RUNNING)
    assert status == 2, printed
    assert "start -- b" in calls


def test_packages_are_asked_for_by_name_and_marks_where_they_count() -> None:
    installed = "package { ['dpkg', 'tar']: ensure => installed } package { 'nosuchpackage': ensure => absent }"
    status, _, printed = apply(installed, {}, "--debug")
    assert status == 0, printed
    assert "Prefetching apt resources" in printed
    assert "apt-mark" not in printed
    held = "package { 'dpkg': ensure => installed, mark => 'none' }"
    status, _, printed = apply(held, {}, "--debug")
    assert "apt-mark showmanual'" in printed, printed


def facts(*options: str) -> dict[str, Any]:
    """What Facter finds out, and the commands that it starts for that."""
    binds = {**PATCHES, FACTS: "/facts.rb"}
    said: dict[str, Any] = json.loads(
        rootfs.run("toolbox", ["ruby", "/facts.rb", *options], binds=binds).stdout.splitlines()[-1]
    )
    return said


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """What Facter finds out by itself."""
    return facts()


def test_facts_are_the_same_without_the_commands_that_ruby_can_do_without(plain: dict[str, Any]) -> None:
    fewer = facts("--fewer")
    assert fewer["facts"] == plain["facts"]
    spared = [command for command in plain["started"] if command not in fewer["started"]]
    assert any(command.startswith("uname") for command in spared)
    assert any("cat /proc/" in command for command in spared)
    assert "virt-what" in spared
    assert set(fewer["started"]) < set(plain["started"])


def test_facts_are_the_same_from_commands_that_were_run_ahead(plain: dict[str, Any]) -> None:
    ahead = facts("--ahead")
    assert ahead["facts"] == plain["facts"]
    assert "lscpu | grep -e 'Thread(s)' -e 'Core(s)'" in ahead["kept"]
    assert ahead["started"] == []
    assert ahead["missing"] == ""
    assert "nosuchcommand" not in ahead["kept"]
