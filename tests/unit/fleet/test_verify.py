"""`fleet verify` fails on each thing that is not as declared, in words; on all else it says that it is."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fleet_machines import Machine, Machines

HEALTHY = 29
"""Checks of a node with two services."""

OWN_TESTS = """\
def test_time_is_right(host, node, services):
    assert host.run("uptime").stdout.strip() == "up 3 days", node.name
    assert {one.name for one in services} == {"inventory", "orders"}

def test_of_a_service(service, host):
    assert service.port in (7001, 7002)
    assert host.run("uptime").rc == 0
"""


def unit(kind: str, **change: str) -> Callable[[Machine], None]:
    """Change what root sees of a unit of orders; a word None removes it."""

    def plant(node: Machine) -> None:
        assert node.inspection
        node.inspection["units"][f"orders{kind}"].update(change)

    return plant


def path(name: str, **change: str) -> Callable[[Machine], None]:
    def plant(node: Machine) -> None:
        assert node.inspection
        node.inspection["services"]["orders"]["paths"][name].update(change)

    return plant


def service(**change: Any) -> Callable[[Machine], None]:
    def plant(node: Machine) -> None:
        node.service("orders").update(change)

    return plant


def said(part: str, key: str, value: Any) -> Callable[[Machine], None]:
    """Change what one of the programs of a node says."""

    def plant(node: Machine) -> None:
        data = getattr(node, part)
        *sections, last = key.split(".")
        for section in sections:
            data = data[section]
        data[last] = value

    return plant


def fail_the_run(node: Machine) -> None:
    assert node.report
    node.report["agent"]["last_run"].update(status="failed", failures=1)
    node.report["agent"]["failed"] = [{"resource": "File[/etc/motd]", "where": "", "message": "disk\nis full"}]


def fail_a_unit(node: Machine) -> None:
    assert node.inspection
    node.inspection["units"]["orders-check@2.0-1.aaaaaaaa.service"] = {"active": "failed"}


def forget(node: Machine) -> None:
    del node.catalog["orders"]


def cut_off(node: Machine) -> None:
    node.unreachable = "ssh: connect to host x port 22: No route to host"


def without_inspect(node: Machine) -> None:
    node.inspection = None


RELEASE = "@1.0.0-1.3fa9c1d2.service"
FAULTS: list[tuple[Callable[[Machine], None], str]] = [
    (said("report", "installed.orders", "0.9.0-1"), "orders: package orders: expected 1.0.0-1, found 0.9.0-1"),
    (said("report", "installed", {"inventory": "2.0.0-1"}),
     "orders: package orders: expected 1.0.0-1, found nothing"),
    (service(version="0.9.0-1"), "orders: version that serves: expected 1.0.0-1, found 0.9.0-1"),
    (service(declared="1.0.0-1.bbbbbbbb"),
     "orders: release that serves: expected 1.0.0-1.bbbbbbbb, found 1.0.0-1.3fa9c1d2"),
    (service(state="stopped"), "orders: state: expected serving, found stopped"),
    (service(ready=False), "orders: health: expected ready, found not ready"),
    (unit(".socket", enabled="disabled"),
     "orders: unit orders.socket: expected active, enabled, found active, disabled"),
    (unit(".service", active="inactive"),
     "orders: unit orders.service: expected active, enabled, found inactive, enabled"),
    (unit(RELEASE, active="inactive"), f"orders: unit orders{RELEASE}: expected active, found inactive"),
    (unit(RELEASE, user="root"), f"orders: account of orders{RELEASE}: expected orders, found root"),
    (fail_a_unit, "orders: failed units: expected nothing, found orders-check@2.0-1.aaaaaaaa.service"),
    (said("inspection", "listening.tcp", [7002]), "orders: listens on port: expected 7001, found nothing"),
    (path("/etc/orders", mode="0755"),
     "orders: /etc/orders: expected directory root:orders 0750, found directory root:orders 0755"),
    (path("/etc/orders/default_config.ini", mode="0644"),
     "orders: /etc/orders/default_config.ini: expected file root:orders 0640, found file root:orders 0644"),
    (path("/var/lib/orders", owner="root"),
     "orders: /var/lib/orders: expected directory orders:orders 0750, found directory root:orders 0750"),
    (path("/var/log/orders", group="orders"),
     "orders: /var/log/orders: expected directory root:adm 0751, found directory root:orders 0751"),
    (path("/var/log/orders/orders.log", mode="0644"),
     "orders: /var/log/orders/orders.log: expected file orders:adm 0640, found file orders:adm 0644"),
    (forget, "services that run undeclared: expected nothing, found orders"),
    (fail_the_run, "last run of the agent: expected no failure, found File[/etc/motd]: disk is full"),
    (said("report", "agent.last_run", None), "last run of the agent: expected one, found none: it never ran"),
    (said("report", "agent.disabled", "a leak"), "agent: expected enabled, found disabled: a leak"),
    (cut_off,
     "not reached: ssh does not reach it: connect to host x port 22: No route to host"),
    (said("report", "errors", {"disabled": "no such file"}),
     "not known: disabled: no such file"),
    (said("inspection", "errors", {"units": "systemctl failed"}),
     "not known what root sees there: units: systemctl failed"),
    (without_inspect, "not known what root sees there: there is no"),
]  # fmt: skip


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A node for each fault, and one on which all is as declared."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        machines = Machines(tmp_path_factory.mktemp("fleet"), monkeypatch)
        machines.add("good1.example.org")
        for number, (plant, _) in enumerate(FAULTS):
            plant(machines.add(f"bad{number}.example.org"))
        yield machines


@pytest.fixture(scope="module")
def verified(fleet: Machines) -> subprocess.CompletedProcess[str]:
    return fleet.alone("verify", "--junit", str(fleet.directory.parent / "results.xml"))


def section(printed: str, node: str) -> list[str]:
    """The lines about a node."""
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{node}: "))
    end = next((number for number, line in enumerate(lines[start + 1 :], start + 1) if line[:1] != " "), len(lines))
    return lines[start:end]


@pytest.mark.parametrize(("number", "words"), [(number, words) for number, (_, words) in enumerate(FAULTS)])
def test_what_is_not_as_declared_is_told(verified: subprocess.CompletedProcess[str], number: int, words: str) -> None:
    summary, *failures = section(verified.stdout, f"bad{number}")
    assert summary.endswith("checks failed"), summary
    assert [line[: len(words) + 2] for line in failures] == [f"  {words}"]


def test_where_all_is_as_declared_a_line_says_so(verified: subprocess.CompletedProcess[str]) -> None:
    assert verified.returncode == 1
    assert section(verified.stdout, "good1") == [f"good1: as declared, {HEALTHY} checks"]
    assert verified.stderr == ""


def test_results_are_there_for_ci(verified: subprocess.CompletedProcess[str], fleet: Machines) -> None:
    assert verified.returncode == 1
    suite = ElementTree.parse(fleet.directory.parent / "results.xml").getroot()[0]  # noqa: S314 - our own file
    assert int(suite.attrib["failures"]) == len(FAULTS)
    texts = [failure.attrib["message"] for failure in suite.iter("failure")]
    assert "package orders: expected 1.0.0-1, found 0.9.0-1" in texts


def test_nothing_is_written_in_the_repository(verified: subprocess.CompletedProcess[str], fleet: Machines) -> None:
    assert verified.returncode == 1
    assert fleet.git("status", "--porcelain", "--ignored") == ""


def test_tests_of_ones_own_run_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines(tmp_path, monkeypatch)
    for name in ("app1.example.org", "app2.example.org"):
        machines.add(name)
    machines.write("tests/verify/test_time.py", OWN_TESTS)
    machines.write("tests/verify/test_broken.py", "import nonsense\n")
    machines.save()
    (machines.directory / "app1.example.org/uptime").write_text("up 3 days\n", encoding="utf-8")
    (machines.directory / "app2.example.org/uptime").write_text("up 9 days\n", encoding="utf-8")
    done = machines.alone("verify")
    assert section(done.stdout, "app1") == [f"app1: as declared, {HEALTHY + 3} checks"], done
    summary, failure = section(done.stdout, "app2")
    assert summary == f"app2: 1 of {HEALTHY + 3} checks failed"
    assert failure.startswith("  tests/verify/test_time.py test_time_is_right[app2]: AssertionError: app2")
    assert done.stdout.splitlines()[-1] == (
        "tests/verify/test_broken.py: can't be read: ModuleNotFoundError: No module named 'nonsense'"
    )
    assert done.returncode == 1


def test_a_fleet_that_cant_be_asked_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines(tmp_path, monkeypatch)
    machines.server_error = "fleet-query: PuppetDB does not answer: Connection refused"
    done = machines.alone("verify")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fleet: PuppetDB on puppet.example.org does not answer")
    assert "Traceback" not in done.stderr
