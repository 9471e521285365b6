"""`fleet lab up` brings nodes into the order in which they need each other."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fleet_cli.fleet import agents, deploying
from fleet_cli.fleet.agents import AgentRun
from fleet_cli.fleet.description import Fleet
from fleet_cli.lab import boxes, laboratory, nodes, server
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Box, Lab

LAB = """\
domain: fleet.test
network: 10.77.0.0/24
boxes:
  - {name: puppet, role: puppetserver, tier: production, address: 10.77.0.10}
  - {name: lb1, role: load_balancer, tier: production, address: 10.77.0.51}
  - {name: app1, role: app, tier: production, address: 10.77.0.31}
  - {name: staging1, role: app, tier: staging, address: 10.77.0.21}
  - {name: db1, role: database, tier: production, address: 10.77.0.41}
services: []
"""


class Events:
    """What was done, in order; an enrolment of `held` takes until everything that does not wait for it has ended."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.others_done = threading.Event()

    def enroll(self, _lab: Lab, box: Box, _repo: Path) -> None:
        if box.name == "db1":
            assert self.others_done.wait(timeout=10), "another tier's box waited for this database"
        self.lines.append(f"enroll {box.name}")
        if box.name == "staging1":
            self.others_done.set()

    def run(self, _fleet: Fleet, group: Sequence[Box], **_: object) -> list[AgentRun]:
        self.lines.append("run " + " ".join(sorted(box.name for box in group)))
        return [AgentRun(box.name, "unchanged") for box in group]


@pytest.fixture
def converge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Converge the boxes of a lab in which some are enrolled and some are behind; return what was done."""
    path = tmp_path / "lab.yaml"
    path.write_text(LAB, encoding="utf-8")
    lab = labfile.load(path)

    def do(wanted: Sequence[str], *, enrolled: Sequence[str] = (), behind: Sequence[str] = ()) -> list[str]:
        events = Events()
        known = {"puppet", *enrolled}

        def enroll(of: Lab, box: Box, repo: Path) -> None:
            events.enroll(of, box, repo)
            known.add(box.name)

        monkeypatch.setattr(nodes, "enrolled", lambda box: box.name in known)
        monkeypatch.setattr(nodes, "enroll", enroll)
        monkeypatch.setattr(nodes, "converged", lambda box, _commit: box.name not in behind)
        monkeypatch.setattr(deploying, "deployed", lambda _lab: "0" * 40)
        monkeypatch.setattr(boxes.Boxes, "running", lambda _self, _box: True)
        monkeypatch.setattr(agents, "run", events.run)
        laboratory._converge(lab, tmp_path, [lab.box(name) for name in wanted])
        return events.lines

    return do


def test_a_database_is_there_before_its_services_and_they_before_their_balancer(
    converge: Callable[..., list[str]],
) -> None:
    done = converge(["puppet", "lb1", "app1", "staging1", "db1"])
    assert done == ["enroll staging1", "enroll db1", "enroll app1", "enroll lb1"]


def test_a_balancer_that_stands_is_told_of_a_new_machine(converge: Callable[..., list[str]]) -> None:
    assert converge(["puppet", "app1"], enrolled=["lb1", "db1"]) == ["enroll app1", "run lb1"]


def test_a_balancer_is_not_bothered_with_another_tiers_machine(converge: Callable[..., list[str]]) -> None:
    assert converge(["puppet", "staging1"], enrolled=["lb1", "db1", "app1"]) == ["enroll staging1"]


def test_a_balancer_is_not_bothered_with_the_puppet_server(converge: Callable[..., list[str]]) -> None:
    everything = ["lb1", "app1", "staging1", "db1"]
    assert converge(["puppet", *everything], enrolled=everything, behind=["puppet"]) == ["run puppet"]


def test_boxes_that_are_behind_are_run_in_that_order_too(converge: Callable[..., list[str]]) -> None:
    everything = ["lb1", "app1", "staging1", "db1"]
    done = converge(["puppet", *everything], enrolled=everything, behind=everything)
    assert done == ["run db1", "run app1 staging1", "run lb1"]


@pytest.mark.parametrize(
    ("down", "strange", "words"),
    [
        ({"app1", "db1"}, {"lb1"}, ["box app1 is not running", "box db1 is not running"]),
        (set(), {"puppet", "lb1"}, ["box puppet is no whole Puppet server"]),
        (set(), {"lb1"}, ["box lb1 is not enrolled"]),
        (set(), set(), []),
    ],
    ids=["down", "server", "node", "whole"],
)
def test_what_a_lab_lacks_is_named(
    down: set[str], strange: set[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(LAB, encoding="utf-8")
    monkeypatch.setattr(boxes.Boxes, "running", lambda _self, box: box.name not in down)
    monkeypatch.setattr(server, "bootstrapped", lambda lab: lab.server.name not in strange)
    monkeypatch.setattr(nodes, "enrolled", lambda box: box.name not in strange)
    assert sorted(laboratory.missing(labfile.load(path))) == words


def test_nothing_is_run_where_all_is_in_place(converge: Callable[..., list[str]]) -> None:
    everything = ["lb1", "app1", "staging1", "db1"]
    assert converge(["puppet", *everything], enrolled=everything) == []
