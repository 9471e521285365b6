"""Agent runs on nodes that need each other: in which order, and which nodes have a second one."""

from collections.abc import Iterable, Sequence

from fleet_cli.fleet import agents
from fleet_cli.fleet.agents import AgentRun
from fleet_cli.lab.labfile import BALANCER_ROLE, Box, Lab


def run(lab: Lab, boxes: Sequence[Box], *, noop: bool = False) -> list[AgentRun]:
    """Run the agent on nodes: databases, other nodes, balancers.

    A service that moves is on its new nodes then, and the balancers know. A node that has kept one has a second run,
    which removes it, and so have the balancers of its tier. If no node says that it keeps one, there is none.

    Returns:
        the runs in their order; of a node that had two, both.

    Raises:
        FleetError: one of the nodes is not up at all.
    """
    runs = _in_order(lab, boxes, noop=noop)
    return runs if noop else [*runs, *_in_order(lab, _again(boxes, runs))]


def _in_order(lab: Lab, boxes: Iterable[Box], *, noop: bool = False) -> list[AgentRun]:
    return [result for group in lab.in_order(boxes) for result in agents.run(group, noop=noop)]


def _again(boxes: Sequence[Box], runs: Sequence[AgentRun]) -> list[Box]:
    """The nodes that may now give up what they have kept, and their balancers; none where a balancer failed."""
    said = {result.node: result for result in runs}
    balancers = [box for box in boxes if box.role == BALANCER_ROLE and said[box.name].ok]
    informed = {box.tier for box in balancers}
    keeping = [box for box in boxes if said[box.name].ok and said[box.name].staying and box.tier in informed]
    tiers = {box.tier for box in keeping}
    return [*keeping, *(box for box in balancers if box.tier in tiers)]
