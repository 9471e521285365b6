"""The counters of what a wave has changed: what they say is put beside other nodes, and beside before, and judged."""

from collections.abc import Sequence
from dataclasses import replace

from fleet_cli.rollout import judging
from fleet_cli.rollout.judging import Counts, Judgement, Limits, Verdict
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import Baseline, Rollout
from fleet_cli.rollout.waves import Wave
from fleet_cli.rollout.world import Traffic, World


class Watching:
    """The counters of services on the nodes of a wave, beside others, and beside before."""

    def __init__(  # noqa: PLR0917 - what a wave is
        self, world: World, rollout: Rollout, wave: Wave, nodes: Sequence[str], services: Sequence[str],
        settings: Settings,
    ) -> None:  # fmt: skip
        self._world, self._rollout, self._nodes, self._services = world, rollout, nodes, services
        self._limits = Limits(settings.least_requests, settings.error_ratio, settings.latency_ratio)
        self._others = {name: [*world.others(rollout, wave.tier, name)] for name in services}
        self._asked = sorted({*nodes, *(node for some in self._others.values() for node in some)})
        self._first = world.traffic(self._asked, services)

    def look(self, sick_allowed: int) -> dict[str, Verdict]:
        """Judge each service by what came until now."""
        now = self._world.traffic(self._asked, self._services)
        return {name: self._verdict(name, now, sick_allowed) for name in self._services}

    def _verdict(self, name: str, now: Traffic, sick_allowed: int) -> Verdict:
        """By the services' own counters and by the balancers': the worse one counts."""
        having = [node for node in self._nodes if name in self._rollout.nodes[node].services]
        found = []
        own = {node: self._changed(node, name, now) for node in having if (node, name) in now.own}
        others, before = self._others[name], self._rollout.baseline.get(name, Baseline())
        if own:
            beside = judging.total(self._own(node, name, now) for node in others if (node, name) in now.own)
            found.append(judging.judge(own, beside, before.own, self._limits, sick_allowed=sick_allowed))
        balanced = {node: self._balanced(node, name, now) for node in having if (node, name) in now.balanced}
        if balanced:
            beside = judging.total(self._balanced(node, name, now) for node in others if (node, name) in now.balanced)
            if judging.total(own.values()).requests:
                # Of how long requests took the service's own histogram says more than the balancer's mean.
                balanced = {node: replace(counts, mean_ms=None) for node, counts in balanced.items()}
            found.append(judging.judge(balanced, beside, before.balanced, self._limits, sick_allowed=sick_allowed))
        order = {Judgement.BAD: 0, Judgement.GOOD: 1, Judgement.TOO_FEW: 2}
        return min(
            found,
            key=lambda one: order[one.judgement],
            default=Verdict(Judgement.TOO_FEW, "nothing counts its requests"),
        )

    def _changed(self, node: str, name: str, now: Traffic) -> Counts:
        """What the new release has counted since it began."""
        release, counts = now.own[node, name]
        before = self._rollout.nodes[node].services[name].release
        return counts if before and release != before else self._own(node, name, now)

    def _own(self, node: str, name: str, now: Traffic) -> Counts:
        release, counts = now.own[node, name]
        was = self._first.own.get((node, name))
        return counts.since(was[1]) if was and was[0] == release else counts

    def _balanced(self, node: str, name: str, now: Traffic) -> Counts:
        return now.balanced[node, name].since(self._first.balanced.get((node, name), Counts()))
