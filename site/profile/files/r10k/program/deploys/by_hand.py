"""Changes by hand while a rollout is under way: refused where they change what nodes of its tier are given."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploys import answers, given
from deploys.answers import Answers
from deploys.errors import DeployError
from deploys.layout import Layout


class UnderWayError(DeployError):
    """A change by hand steps on a rollout that is under way.

    Attributes:
        what: the rollout, by whom and since when.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: nothing has changed. `fleet rollout status` tells more, `fleet rollout abort` ends it; --now goes"
            " ahead nevertheless"
        )
        self.what = what


@contextmanager
def changing(layout: Layout, *, now: bool) -> Iterator[Answers]:
    """The answers, to be changed by a person; written when the block ends without an error.

    Args:
        now: whether a change goes ahead that steps on a rollout; it prints then what it steps on.

    Raises:
        UnderWayError: it steps on a rollout. Nothing has changed then.
        DeployError: the answers can't be read or written. Nothing has changed then.
    """
    with answers.changing(layout.answers) as state:
        before = copy.deepcopy(state)
        yield state
        tiers = stepped_on(layout, before, state)
        if tiers and not now:
            raise UnderWayError(described(before, tiers))
    for tier in tiers:
        nodes = ", ".join(before.rollouts[tier].nodes) or "none so far"
        environment = before.rollouts[tier].environment
        print(f"note: this steps on it: {described(before, [tier])}; nodes that it gives {environment}: {nodes}")


def stepped_on(layout: Layout, before: Answers, after: Answers) -> list[str]:
    """Return the tiers under way whose nodes are given something else by a change, the rollouts themselves apart."""
    # A trial that ends is not one of them: the node is given what its tier is.
    trials = {
        name
        for name, answer in after.nodes.items()
        if name not in before.nodes or before.nodes[name].environment != answer.environment
    }
    of_trials = {given.tier_of(layout, name) for name in trials}
    return [
        tier
        for tier, rollout in before.rollouts.items()
        if before.of_tier(tier) != after.of_tier(tier) or tier in of_trials or trials & set(rollout.nodes)
    ]


def described(state: Answers, tiers: list[str]) -> str:
    """Say which rollouts are under way, by whom and since when."""
    return ", ".join(
        f"{state.rollouts[tier]} is under way in {tier} since {clock(state.rollouts[tier].since)}" for tier in tiers
    )


def clock(seconds: int) -> str:
    """Return a time of today as a person says it, and with its date if it is of another day."""
    then = time.localtime(seconds)
    return time.strftime("%H:%M" if then[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", then)
