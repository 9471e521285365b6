"""`fleet run` brings a moved service to its new nodes, tells the balancer, then takes it from the old ones."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from fleet_cli.fleet import agents, turns
from fleet_cli.fleet.agents import AgentRun
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node

FLEET = Fleet(Path("fleet.yaml"), "puppet.fleet.test", "puppet.fleet.test:/srv/git/control.git")
NOTICE = "service billing stays here for now: app2.fleet.test does not serve it yet"


def box(name: str, role: str, tier: str = "production") -> Node:
    return Node(f"{name}.fleet.test", role, tier, name)


DB, APP1, APP2, LB = box("db1", "database"), box("app1", "app"), box("app2", "app"), box("lb1", "load_balancer")
STAGING = box("staging1", "app", "staging")
ALL = (LB, APP1, DB, APP2, STAGING)


class Agents:
    """In the place of the agents: says what is asked, and answers what it was told to."""

    def __init__(
        self,
        staying: dict[str, int] | None = None,
        failing: Sequence[str] = (),
        reason: str = "app2 does not serve it yet",
    ) -> None:
        self.reason = reason
        self.staying = dict(staying or {})
        self.failing = failing
        self.asked: list[list[str]] = []

    def run(self, _fleet: Fleet, boxes: Sequence[Node], *, noop: bool = False) -> list[AgentRun]:
        self.asked.append([box.name for box in boxes])
        return [self.answer(box.name, noop=noop) for box in boxes]

    def answer(self, name: str, *, noop: bool) -> AgentRun:
        keeps = self.staying.get(name, 0) > 0
        self.staying[name] = self.staying.get(name, 0) - 1
        outcome = "failed" if name in self.failing else "unchanged"
        return AgentRun(name, outcome, noop, staying={"billing": self.reason} if keeps else {})


def asked(
    monkeypatch: pytest.MonkeyPatch, fake: Agents, boxes: Sequence[Node] = ALL, *, noop: bool = False
) -> list[list[str]]:
    monkeypatch.setattr(agents, "run", fake.run)
    runs = turns.run(FLEET, boxes, noop=noop)
    assert [result.node for result in runs] == [name for group in fake.asked for name in group]
    return fake.asked


ONCE = [["db1"], ["app1", "app2", "staging1"], ["lb1"]]


def test_where_nothing_leaves_each_node_has_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, Agents()) == ONCE


def test_a_node_gives_up_what_it_has_kept_once_the_balancer_knows_the_new_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert asked(monkeypatch, Agents({"app1": 1})) == [*ONCE, ["app1"], ["lb1"]]


def test_a_service_that_has_to_stay_is_not_asked_for_a_third_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, Agents({"app1": 9})) == [*ONCE, ["app1"], ["lb1"]]


def test_what_stays_for_a_rollout_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a run does, it stays until the rollout has ended."""
    reason = "rollout 7 of its tier is under way"
    assert asked(monkeypatch, Agents({"app1": 9}, reason=reason)) == ONCE


def test_nodes_of_a_tier_whose_balancer_has_no_run_have_none_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, Agents({"staging1": 1})) == ONCE
    assert asked(monkeypatch, Agents({"app1": 1}), [APP1, APP2]) == [["app1", "app2"]]
    assert asked(monkeypatch, Agents({"app1": 1}, failing=["lb1"])) == ONCE


def test_a_run_that_failed_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, Agents({"app1": 1}, failing=["app1"])) == ONCE


def test_with_noop_nothing_is_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, Agents({"app1": 1}), noop=True) == ONCE


def test_the_reason_that_a_service_stays_is_shown() -> None:
    source = "/Stage[main]/Flask_microservice/Flask_microservice_staying[billing]"
    logs = [{"level": "notice", "source": where, "message": NOTICE} for where in (source, "Puppet")]
    report = {"resource_statuses": {}, "logs": logs}
    run = agents._result(APP1, 0, f"Notice: x\n{agents._MARK}\n{json.dumps(report)}")
    assert run.staying == {"billing": "app2.fleet.test does not serve it yet"}
    assert agents.explain(run) == [
        "app1: unchanged",
        "  billing stays here for now: app2.fleet.test does not serve it yet",
    ]
