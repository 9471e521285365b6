"""A fleet that exists in memory alone, for rollouts: nodes with releases, a server, and whatever goes wrong."""

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import state
from fleet_cli.rollout.judging import Counts
from fleet_cli.rollout.state import Rollout, Rollouts
from fleet_cli.rollout.world import Fault, Outcome, Serving, Traffic

OLD, NEW = "old" * 13 + "0", "new" * 13 + "0"
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class MemoryStore:
    """What the remote git repository does: a change on top of the newest state, or none. Kept as text, as there."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.lines: list[str] = []
        self.away = False

    def read(self) -> Rollouts:
        if self.away:
            raise FleetError("the remote is away")
        return {number: state.read(text) for number, text in self.texts.items()}

    def change(self, change: Callable[[Rollouts], tuple[Rollout, str]]) -> Rollout:
        rollout, line = change(self.read())
        self.texts[rollout.number] = rollout.as_json()
        self.lines.append(f"{rollout.number}: {line}")
        return state.read(rollout.as_json())


@dataclass
class Release:
    """How a version behaves: what share of its requests fails, how long one takes, how many workers die in a second."""

    fails: float = 0.0
    seconds: float = 0.004
    dies: float = 0.0
    refused: bool = False


@dataclass
class SimulatedNode:
    """A node: what serves on it, and what it is told."""

    certname: str
    tier: str
    serves: str = "1.0"
    commit: str = OLD
    up: bool = True
    requests: int = 1000
    failed: int = 0
    slower: dict[float, int] = field(default_factory=dict)
    died: float = 0.0
    up_seconds: float = 10_000.0
    changes: int = 0
    sick: bool = False


@dataclass
class Server:
    """What the Puppet server gives to whom: the answers, with its rule of epochs."""

    tiers: dict[str, str]
    rollouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    """By tier, the number and epoch of its last rollout that has ended, and whether it was finished."""
    away: bool = False

    def call(self, rollout: Rollout, tier: str) -> dict[str, Any] | None:
        if self.away:
            raise FleetError("puppet: the server does not answer")
        there = self.rollouts.get(tier)
        if there and there["number"] != rollout.number:
            raise FleetError(f"rollout {there['number']} is under way in {tier}")
        if there and there["epoch"] > rollout.epoch:
            raise FleetError(f"another controller has taken over rollout {rollout.number}")
        if there:
            there["epoch"] = rollout.epoch
        return there

    def end(self, rollout: Rollout, tier: str, *, finished: bool) -> None:
        self.rollouts.pop(tier, None)
        self.ended[tier] = (rollout.number, rollout.epoch, finished)

    def require_not_ended(self, rollout: Rollout, tier: str) -> None:
        number, epoch, finished = self.ended.get(tier, (0, 0, False))
        if (finished and number == rollout.number) or (number, epoch) >= (rollout.number, rollout.epoch):
            raise FleetError(f"rollout {rollout.number} has ended in {tier} already")

    def given(self, node: SimulatedNode) -> str:
        there = self.rollouts.get(node.tier)
        if there and node.certname in there["nodes"]:
            return str(there["commit"])
        return self.tiers[node.tier]


class SimulatedWorld:
    """The fleet as a controller uses it. Time passes only when it waits."""

    def __init__(self, nodes: Iterable[SimulatedNode], releases: Mapping[str, Release] | None = None) -> None:
        self.nodes = {node.certname: node for node in nodes}
        self.server = Server(dict.fromkeys({node.tier for node in self.nodes.values()}, OLD))
        self.releases = {"1.0": Release(), "2.0": Release(), **(releases or {})}
        self.time = 1_000_000.0
        self.rate = 20.0
        """Requests of each node in a second."""
        self.said: list[str] = []
        self.told: list[str] = []
        self.before_call: Callable[[str], object] = lambda _what: None
        self.apt_away = False
        self.wrong: dict[str, str] = {}
        self.own_checks: dict[str, Outcome] = {}
        self.changing: set[str] = set()
        self.most_changing = 0
        self.runs: list[tuple[str, ...]] = []

    def version_of(self, commit: str) -> str:
        return "2.0" if commit == NEW else "1.0"

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.before_call("wait")
        self.time += seconds
        for node in self.nodes.values():
            if node.up:
                self._serve(node, int(self.rate * seconds))
                node.died += self.releases[node.serves].dies * seconds
                node.up_seconds += seconds

    def _serve(self, node: SimulatedNode, requests: int) -> None:
        release = self.releases[node.serves]
        fails = 1.0 if node.sick else release.fails
        node.requests += requests
        node.failed += int(requests * fails + 0.5)
        for edge in EDGES:
            node.slower[edge] = node.slower.get(edge, 0) + (requests if release.seconds > edge else 0)

    def say(self, text: str) -> None:
        self.said.append(text)

    report = say

    def begin(self, rollout: Rollout, tier: str) -> None:
        self.before_call("begin")
        if self.server.call(rollout, tier) is None:
            self.server.require_not_ended(rollout, tier)
            self.server.rollouts[tier] = {
                "number": rollout.number, "epoch": rollout.epoch, "commit": rollout.goal[tier], "nodes": [],
            }  # fmt: skip

    def give(self, rollout: Rollout, tier: str, nodes: Sequence[str]) -> None:
        self.before_call("give")
        there = self.server.call(rollout, tier)
        if there is None:
            raise FleetError(f"rollout {rollout.number} is not under way in {tier}")
        there["nodes"] = list(nodes)

    def finish(self, rollout: Rollout) -> None:
        self.before_call("finish")
        for tier in rollout.tiers:
            if self.server.call(rollout, tier) is not None:
                self.server.end(rollout, tier, finished=True)
                self.server.tiers[tier] = rollout.goal[tier]

    def take_back(self, rollout: Rollout) -> None:
        self.before_call("take_back")
        for tier in rollout.tiers:
            there = self.server.call(rollout, tier)
            if there is not None or tier not in self.server.ended:
                self.server.end(rollout, tier, finished=False)

    def run(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[str, Outcome]:  # noqa: ARG002 - as the fleet has it
        self.before_call("run")
        self.runs.append(tuple(nodes))
        return {certname: self.agent(certname) for certname in nodes}

    def agent(self, certname: str) -> Outcome:
        """A run of the agent, by the timer too."""
        node = self.nodes.get(certname)
        if node is None or not node.up:
            return Outcome(Fault.AWAY, "ssh does not reach it")
        if self.server.away:
            return Outcome(Fault.ELSEWHERE, "the Puppet server does not answer")
        commit = self.server.given(node)
        wanted = self.version_of(commit)
        if wanted != node.serves and self.apt_away:
            return Outcome(Fault.ELSEWHERE, "Package: Failed to fetch")
        node.commit = commit
        if wanted != node.serves:
            if self.releases[wanted].refused:
                return Outcome(Fault.RELEASE, "Flask_microservice_release[orders]: never ready")
            self._switch(node, wanted)
        return Outcome()

    def _switch(self, node: SimulatedNode, version: str) -> None:
        node.serves = version
        node.requests = node.failed = 0
        node.died = node.up_seconds = 0.0
        node.slower = {}
        node.changes += 1

    def run_again(self, rollout: Rollout) -> Mapping[str, Outcome]:  # noqa: ARG002 - as the fleet has it
        self.before_call("run_again")
        return {}

    def serve_again(self, releases: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str], str]:
        self.before_call("serve_again")
        failed = {}
        for certname, service, release in releases:
            node = self.nodes[certname]
            if not node.up:
                failed[certname, service] = "not reached"
            else:
                self._switch(node, release.removeprefix("r"))
        return failed

    def serving(self, nodes: Sequence[str]) -> Mapping[str, Serving]:
        self.before_call("serving")
        found = {}
        for certname in nodes:
            node = self.nodes.get(certname)
            if node is None or not node.up:
                found[certname] = Serving(reached=False, why="ssh does not reach it")
            else:
                found[certname] = Serving({"orders": (node.serves, f"r{node.serves}", True)})
        return found

    def traffic(self, nodes: Iterable[str], services: Iterable[str]) -> Traffic:
        self.before_call("traffic")
        own = {
            (node.certname, "orders"): (f"r{node.serves}", _counted(node))
            for node in map(self.nodes.get, nodes)
            if node is not None and node.up and "orders" in services
        }
        return Traffic(own, {})

    def others(self, rollout: Rollout, tier: str, service: str) -> Sequence[str]:  # noqa: ARG002 - as the fleet has it
        reached = {certname for wave in rollout.waves[: rollout.wave + 1] for certname in wave.nodes}
        return [node.certname for node in self.nodes.values() if node.tier == tier and node.certname not in reached][
            :20
        ]

    def verify(self, nodes: Sequence[str]) -> Mapping[str, str]:  # noqa: ARG002 - as the fleet has it
        self.before_call("verify")
        return dict(self.wrong)

    def checks(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[str, Outcome]:  # noqa: ARG002 - as the fleet has it
        self.before_call("checks")
        return dict(self.own_checks)

    def known(self) -> set[str] | None:
        return set(self.nodes)

    def tell(self, rollout: Rollout, event: str) -> None:
        self.told.append(f"{event} {rollout.status}")


def _counted(node: SimulatedNode) -> Counts:
    died, up = int(node.died), node.up_seconds
    return Counts(node.requests, node.failed, dict(node.slower), died=died, up=up)


def copied(store: MemoryStore) -> MemoryStore:
    """Return a store with the same content."""
    return copy.deepcopy(store)


def readable(store: MemoryStore) -> dict[int, dict[str, object]]:
    """Return what another clone reads."""
    return {number: json.loads(text) for number, text in store.texts.items()}
