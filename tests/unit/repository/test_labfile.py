"""A mistake in lab.yaml is named, before any box is touched."""

from pathlib import Path

import pytest
from fleet_cli.fleet import nodes
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile

GOOD = """\
domain: fleet.test
network: 10.77.0.0/24
boxes:
  - {name: puppet, role: puppetserver, tier: production, address: 10.77.0.10}
  - {name: app1, role: app, tier: production, address: 10.77.0.31}
  - {name: bare1, role: bare, tier: none, address: 10.77.0.61}
services:
  - {name: inventory, version: 1.0.0}
  - {name: orders, version: 1.0.0, upstream: inventory}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_boxes_and_services_are_read(tmp_path: Path) -> None:
    lab = labfile.load(write(tmp_path, GOOD))
    assert (lab.server.certname, lab.gateway) == ("puppet.fleet.test", "10.77.0.1")
    assert [box.name for box in lab.nodes] == ["app1"]
    assert lab.box("app1.fleet.test") is lab.box("app1")
    assert [(service.name, service.upstream) for service in lab.services] == [
        ("inventory", ""),
        ("orders", "inventory"),
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("name: app1", "name: puppet", "two boxes have the name puppet"),
        ("10.77.0.31", "10.77.0.10", "two boxes have the address 10.77.0.10"),
        ("10.77.0.31", "10.78.0.31", "outside of 10.77.0.0/24"),
        ("10.77.0.31", "10.77.0.1", "or is the gateway's"),
        ("10.77.0.31", "here", "here"),
        ("10.77.0.0/24", "10.77.0.0/99", "network"),
        ("role: puppetserver", "role: app", "exactly one box"),
        ("name: app1", "name: App_1", "'App_1' is no host name"),
        ("role: app,", "", "must have exactly the keys"),
        ("{name: inventory, version: 1.0.0}", "{name: inventory}", "name and version"),
        ("domain: fleet.test", "domain: [fleet.test", "not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path: Path, wrong: str, right: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(wrong, right, 1))
    with pytest.raises(FleetError) as error:
        labfile.load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no such file"):
        labfile.load(tmp_path / "lab.yaml")


def test_an_unknown_box_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"no box 'web9'; lab.yaml has: puppet, app1"):
        labfile.load(write(tmp_path, GOOD)).box("web9")


def test_databases_come_before_those_who_need_them_and_balancers_last(tmp_path: Path) -> None:
    more = GOOD.replace(
        "services:",
        "  - {name: lb1, role: load_balancer, tier: canary, address: 10.77.0.51}\n"
        "  - {name: app2, role: app, tier: canary, address: 10.77.0.32}\n"
        "  - {name: db1, role: database, tier: canary, address: 10.77.0.41}\nservices:",
    )
    lab = labfile.load(write(tmp_path, more))
    names = [[box.name for box in group] for group in nodes.in_order(lab.nodes)]
    assert names == [["db1"], ["app1", "app2"], ["lb1"]]
    assert nodes.in_order([lab.box("app1")]) == [[lab.box("app1")]]


def test_a_box_is_added_with_one_entry(tmp_path: Path) -> None:
    more = GOOD.replace("services:", "  - {name: app2, role: app, tier: canary, address: 10.77.0.32}\nservices:")
    assert [box.name for box in labfile.load(write(tmp_path, more)).nodes] == ["app1", "app2"]
