"""Agent runs on nodes that need each other: in which order, and which nodes have a second one."""

import re
from collections.abc import Iterable, Sequence

from fleet_cli.fleet import agents
from fleet_cli.fleet.agents import AgentRun
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import BALANCER_ROLE, AnyNode, in_order

HELD_BY_ROLLOUT = re.compile(r"rollout \d+ of its tier is under way")
"""Why a service stays until a rollout has ended, as profile::held_by_rollout says it: no further run ends that."""


def run(fleet: Fleet, nodes: Sequence[AnyNode], *, noop: bool = False) -> list[AgentRun]:
    """Run the agent on nodes: databases, other nodes, balancers.

    A service that moves is on its new nodes then, and the balancers know. A node that has kept one has a second run,
    which removes it, and so have the balancers of its tier. If no node says that it keeps one, there is none.

    Returns:
        the runs in their order; of a node that had two, both.

    Raises:
        FleetError: a report can't be read.
    """
    runs = _in_order(fleet, nodes, noop=noop)
    return runs if noop else [*runs, *_in_order(fleet, _again(nodes, runs))]


def _in_order(fleet: Fleet, nodes: Iterable[AnyNode], *, noop: bool = False) -> list[AgentRun]:
    return [result for group in in_order(nodes) for result in agents.run(fleet, group, noop=noop)]


def _again(nodes: Sequence[AnyNode], runs: Sequence[AgentRun]) -> list[AnyNode]:
    """The nodes that may now give up what they have kept, and their balancers; none where a balancer failed."""
    said = {result.node: result for result in runs}
    balancers = [node for node in nodes if node.role == BALANCER_ROLE and said[node.name].ok]
    informed = {node.tier for node in balancers}
    keeping = [node for node in nodes if node.tier in informed and _keeps_for_others(said[node.name])]
    tiers = {node.tier for node in keeping}
    return [*keeping, *(node for node in balancers if node.tier in tiers)]


def _keeps_for_others(result: AgentRun) -> bool:
    return result.ok and not all(HELD_BY_ROLLOUT.fullmatch(reason) for reason in result.staying.values())
