"""flask-microservice reads what Puppet declares, and says what is wrong with it."""

from pathlib import Path

import pytest
from flask_microservice.errors import SwitchError
from flask_microservice.service import Service
from flask_microservice.serving import Serving
from flask_microservice.unit import Unit, section
from flask_microservice.unit_texts import check_socket_text, check_unit_text, socket_text
from program_node import UNIT, Node

RELEASE = "1.4.2-1.3fa9c1d2"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[A]\na=1\n[B]\nb=2\n", ["b=2"]),
        ("[B]\n# no\n; no\n\nb=2\n  \nc=x=y\n", ["b=2", "c=x=y"]),
        ("[B]\nb=1\n[A]\na=1\n[B]\nb=2\n", ["b=1", "b=2"]),
        ("[B] \nb=1\n[BB]\nb=2\n", ["b=1"]),
        ("b=1\n", []),
        ("[B]\na=x\u2028y\x0bz\x85[A]\n", ["a=x\u2028y\x0bz\x85[A]"]),
    ],
)
def test_only_the_section_that_is_meant_is_read(text: str, lines: list[str]) -> None:
    assert section(text, "B") == lines


def test_a_service_that_puppet_has_not_declared_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(SwitchError, match=r"orders@\.service is not there: has Puppet declared"):
        Unit.read(tmp_path / "orders@.service")


def test_a_kept_release_that_somebody_removed_is_not_blamed_on_puppet(node: Node) -> None:
    with pytest.raises(SwitchError, match="has somebody removed the release"):
        node.declare().unit(RELEASE)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff")])
def test_a_unit_that_can_not_be_read_is_one_message(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "orders@.service")
    with pytest.raises(SwitchError, match=r"orders@\.service can't be read: ."):
        Unit.read(tmp_path / "orders@.service")


@pytest.mark.parametrize("value", ["", "soon", "1e3", "-1", "nan", "²"])
def test_a_deadline_that_is_no_number_is_named(value: str) -> None:
    unit = Unit(f"[X-Flask-Microservice]\nWatchSec={value}\nKeep={value}\n")
    with pytest.raises(SwitchError, match="WatchSec="):
        unit.seconds("WatchSec")
    with pytest.raises(SwitchError, match="Keep="):
        _ = unit.keep


def test_a_setting_of_an_older_module_that_is_missing_is_named() -> None:
    with pytest.raises(SwitchError, match=r"no HealthPath= in \[X-Flask-Microservice\]"):
        Unit("[Service]\nHealthPath=/no\n").setting("HealthPath")


def test_a_config_that_is_not_there_is_named(node: Node) -> None:
    service = node.declare()
    (node.root / "default_config.ini").unlink()
    with pytest.raises(SwitchError, match=r"default_config\.ini is not there: run puppet agent"):
        service.declared()


@pytest.mark.parametrize("name", ["", "Orders", "../etc", "orders-", "a--b", "a b", "orders@x", "ordérs", "orders\n"])
def test_what_is_no_name_of_a_service_never_becomes_a_path(name: str) -> None:
    with pytest.raises(SwitchError, match="is no service's name"):
        Service(name)


@pytest.mark.parametrize(
    "serving", [Serving(), Serving(RELEASE), Serving("c", ["b", "a"], ["d"]), Serving("c", [], ["d", "e"])]
)
def test_which_release_serves_is_read_as_it_was_written(serving: Serving, tmp_path: Path) -> None:
    path = tmp_path / "orders.service"
    path.write_text(serving.unit("orders"))
    assert Serving.read(path) == serving


def test_the_release_that_serves_comes_up_after_a_reboot() -> None:
    text = Serving(RELEASE).unit("orders")
    assert f"Wants=orders@{RELEASE}.service" in section(text, "Unit")
    assert "WantedBy=multi-user.target" in section(text, "Install")
    assert not [line for line in section(Serving().unit("orders"), "Unit") if "@" in line]


def test_a_line_that_somebody_added_to_the_state_does_not_stop_the_program(tmp_path: Path) -> None:
    path = tmp_path / "orders.service"
    path.write_text(Serving(RELEASE).unit("orders") + "by hand\n")
    assert Serving.read(path).release == RELEASE


@pytest.mark.parametrize(
    ("before", "release", "keep", "kept", "gone"),
    [
        (Serving(), "a", 3, [], []),
        (Serving("a"), "b", 3, ["a"], []),
        (Serving("b", ["a"]), "c", 3, ["b", "a"], []),
        (Serving("c", ["b", "a"]), "d", 3, ["c", "b"], ["a"]),
        (Serving("c", ["b", "a"]), "b", 3, ["c", "a"], []),
        (Serving("c", ["b", "a"]), "c", 3, ["b", "a"], []),
        (Serving("c", ["b", "a"]), "d", 1, [], ["c", "b", "a"]),
    ],
)
def test_the_last_releases_stay_to_go_back_to(
    before: Serving, release: str, keep: int, kept: list[str], gone: list[str]
) -> None:
    assert before.then(release, keep) == (Serving(release, kept), gone)


def test_a_check_never_gets_the_port() -> None:
    text = check_unit_text(Service("orders"), Unit(UNIT), RELEASE)
    own = f"orders-check@{RELEASE}.socket"
    assert section(text, "Unit") == [f"Requires={own}", f"After={own}"]
    assert section(text, "Service") == [f"Sockets={own}", "ExecStart=/opt/venvs/orders/bin/gunicorn", "Restart=no"]


def test_a_check_whose_health_check_hangs_is_not_waited_for_as_long_as_clients_would_be() -> None:
    """The run that refuses it would take as long as the longest upload may."""
    text = check_unit_text(Service("orders"), Unit(UNIT.replace("Restart=", "TimeoutStopSec=605\nRestart=")), RELEASE)
    assert [line for line in section(text, "Service") if line.startswith("TimeoutStopSec=")] == ["TimeoutStopSec=5"]


def test_the_port_is_that_of_the_release_and_never_starts_one() -> None:
    lines = section(socket_text(Service("orders"), Unit(UNIT)), "Socket")
    assert lines == ["ListenStream=0.0.0.0:7001", "Service=orders.service"]


def test_the_socket_of_the_longest_name_and_version_is_short_enough_for_the_kernel() -> None:
    text = check_socket_text(Service("a" * 32), f"{'9' * 100}.3fa9c1d2", checking=True)
    (path,) = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ListenStream=")]
    assert len(path.encode()) <= 107


def test_a_check_has_each_line_as_the_release_has_it() -> None:
    """Also one with a character in it at which Python, and not systemd, ends a line."""
    unit = Unit(UNIT.replace("Restart=", 'Environment="A=x\u2028y\x0bRestart=no"\nRestart='))
    assert 'Environment="A=x\u2028y\x0bRestart=no"' in section(
        check_unit_text(Service("orders"), unit, RELEASE), "Service"
    )
