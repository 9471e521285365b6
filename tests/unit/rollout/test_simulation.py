"""Rollouts of a fleet in which anything may fail at any step, with two controllers at once whose clocks are apart."""

import os
from collections.abc import Callable
from typing import Any

from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import orders, waves
from fleet_cli.rollout.controller import Controller
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import LostError, NodeChange, Rollout, ServiceChange, Status
from fleet_cli.rollout.waves import Change
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rollout_fleet import NEW, OLD, MemoryStore, Release, SimulatedNode, SimulatedWorld

TIER = "production"
CALLS = st.integers(min_value=0, max_value=60)


class _KilledError(BaseException):
    """The controller's machine is gone."""


class _Seen:
    """The fleet as one controller sees it: by its own clock, and with what happens to it at one of its calls."""

    def __init__(self, world: SimulatedWorld, skew: float, happens: Callable[[int], None]) -> None:
        self._world, self._skew, self._happens, self._calls = world, skew, happens, 0

    def now(self) -> float:
        return float(self._world.now() + self._skew)

    def __getattr__(self, name: str) -> Any:
        what = getattr(self._world, name)
        if not callable(what) or name in ("say", "report", "known", "tell", "others"):
            return what

        def call(*arguments: Any) -> Any:
            self._calls += 1
            self._happens(self._calls)
            return what(*arguments)

        return call


class Rollouts(RuleBasedStateMachine):
    @initialize(
        nodes=st.sampled_from([2, 5, 40, 1000]),
        release=st.sampled_from([Release(), Release(), Release(fails=1.0), Release(fails=0.05), Release(refused=True)]),
    )
    def begin(self, nodes: int, release: Release) -> None:
        self.world = SimulatedWorld([SimulatedNode(f"p{one:04}.test", TIER) for one in range(nodes)], {"2.0": release})
        self.store = MemoryStore()
        self.settings = {TIER: Settings(watch=10, batch="5%", max_parallel="5%", least_requests=20)}
        changes = [Change(one, one, "app", TIER, {"orders": ("1.0", "2.0")}) for one in self.world.nodes]
        made = Rollout(
            0, 1, NEW, {TIER: NEW}, {TIER: OLD}, True, "", "anna", "laptop", 1,
            {one.certname: NodeChange(one.name, "app", TIER, {"orders": ServiceChange("1.0", "2.0")})
             for one in changes},
            waves.plan(changes, [TIER], self.settings),
        )  # fmt: skip
        self.allowed = max(1, -(-nodes * 5 // 100))
        orders.begin(self.store, made)

    @property
    def rollout(self) -> Rollout:
        found: Rollout = self.store.read()[1]
        return found

    def drive(self, happens: Callable[[int], None] = lambda _: None, skew: float = 0.0, epoch: int = 0) -> None:
        world: Any = _Seen(self.world, skew, happens)
        try:
            Controller(1, epoch or self.rollout.epoch, world, self.store, self.settings).drive()
        except (LostError, FleetError, _KilledError):
            return

    @rule(at=CALLS, skew=st.floats(min_value=-7200, max_value=7200))
    def controller_is_killed(self, at: int, skew: float) -> None:
        def kill(call: int) -> None:
            if call == at:
                raise _KilledError

        self.drive(kill, skew)

    @rule(at=CALLS)
    def another_takes_over_while_the_first_still_runs(self, at: int) -> None:
        def take_over(call: int) -> None:
            if call == at and not self.rollout.status.ended:
                orders.resume(self.store, 1, take_over=True)
                self.drive(skew=-300.0)

        self.drive(take_over)

    @rule(at=CALLS, order=st.sampled_from([orders.pause, orders.promote, orders.abort]))
    def person_orders_something_meanwhile(self, at: int, order: Callable[[MemoryStore, int], Rollout]) -> None:
        def say(call: int) -> None:
            if call == at:
                try:
                    order(self.store, 1)
                except FleetError:
                    return

        self.drive(say)

    @rule(at=CALLS, what=st.sampled_from(["server", "apt", "remote"]))
    def something_is_away_from_some_step_on(self, at: int, what: str) -> None:
        def away(call: int) -> None:
            if call == at:
                self._away(what, away=True)

        self.drive(away)
        self._away(what, away=False)

    def _away(self, what: str, *, away: bool) -> None:
        if what == "server":
            self.world.server.away = away
        elif what == "apt":
            self.world.apt_away = away
        else:
            self.store.away = away

    @rule(data=st.data(), up=st.booleans())
    def nodes_go_down_or_come_up(self, data: st.DataObject, up: bool) -> None:
        for number in data.draw(st.sets(st.integers(0, len(self.world.nodes) - 1), max_size=3)):
            list(self.world.nodes.values())[number].up = up

    @rule()
    def timers_run_agents_everywhere(self) -> None:
        for certname in self.world.nodes:
            self.world.agent(certname)

    @rule()
    def person_resumes(self) -> None:
        if not self.rollout.status.ended:
            orders.resume(self.store, 1, take_over=True)
            self.drive()

    @invariant()
    def no_more_nodes_change_than_may(self) -> None:
        there = self.world.server.rollouts.get(TIER)
        rollout = self.rollout
        if there and rollout.status in (Status.RUNNING, Status.PAUSED):
            through = {certname for wave in rollout.waves[: rollout.wave] for certname in wave.nodes}
            assert len(set(there["nodes"]) - through) <= self.allowed

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        for node in self.world.nodes.values():
            node.up = True
        for _ in range(50):
            if self.rollout.status.ended:
                break
            if self.rollout.status == Status.PAUSED and self.rollout.wave < len(self.rollout.waves):
                orders.promote(self.store, 1)
            else:
                orders.resume(self.store, 1, take_over=True)
            self.drive()
        for certname in self.world.nodes:
            self.world.agent(certname)
        rollout = self.rollout
        assert rollout.status.ended, rollout.log[-5:]
        goal = {Status.DONE: "2.0"}.get(rollout.status, "1.0")
        refused = self.world.releases["2.0"].refused
        assert {node.serves for node in self.world.nodes.values()} == {goal} or refused
        assert self.world.server.rollouts == {}
        assert self.world.server.tiers == {TIER: NEW if rollout.status == Status.DONE else OLD}
        assert rollout.log[-1][1].startswith(str(rollout.status))


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(
    max_examples=int(os.environ.get("FLEET_TEST_MORE_ROLLOUTS", "8")),
    stateful_step_count=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
