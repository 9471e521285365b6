"""What a rollout asks of a fleet. The fleet itself is in fleet_world.py; tests have one of their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from fleet_cli.rollout.judging import Counts
from fleet_cli.rollout.state import Rollout

Event = Literal["start", "pause", "end"]
"""What a webhook is told."""


class Fault(StrEnum):
    """Whose fault it is that something did not come about."""

    NONE = "none"
    RELEASE = "release"
    """That of what is rolled out: it is taken back."""
    ELSEWHERE = "elsewhere"
    """That of something else, such as the apt repository: the rollout pauses."""
    AWAY = "away"
    """The node is not there, or its agent can't run: so many of them may be missing."""


@dataclass(frozen=True)
class Outcome:
    """What came of something on a node."""

    fault: Fault = Fault.NONE
    why: str = ""


@dataclass(frozen=True)
class Serving:
    """What serves on a node, by service: version, release, and whether it is ready; or why that is not known.

    Attributes:
        reached: whether the node could be asked at all.
        why: why nothing is known.
    """

    services: Mapping[str, tuple[str, str, bool]] = field(default_factory=dict)
    reached: bool = True
    why: str = ""


@dataclass(frozen=True)
class Traffic:
    """What was counted, by node and service.

    Attributes:
        own: what the services themselves say, with the release that says it.
        balanced: what the balancers say, together.
    """

    own: Mapping[tuple[str, str], tuple[str, Counts]] = field(default_factory=dict)
    balanced: Mapping[tuple[str, str], Counts] = field(default_factory=dict)


class World(Protocol):
    """A fleet, as the controller uses it. What can't be done raises FleetError, and has its reason."""

    def now(self) -> float:
        """The time, in seconds since 1970."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def say(self, text: str) -> None:
        """Tell the person who waits what is being done."""

    def report(self, text: str) -> None:
        """Tell what came of a wave."""

    def begin(self, rollout: Rollout, tier: str) -> None:
        """Have the server know the rollout of a tier, and keep its commit; nobody is given it yet."""

    def give(self, rollout: Rollout, tier: str, nodes: Sequence[str]) -> None:
        """Have the server give the commit to these nodes of a tier, and to no others of it."""

    def finish(self, rollout: Rollout) -> None:
        """Have the server give each tier its commit, as its own answer; the rollout is over there."""

    def take_back(self, rollout: Rollout) -> None:
        """Have the server give all nodes what they were given before; the rollout is over there."""

    def run(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[str, Outcome]:
        """Have agents run, in the order in which nodes need each other."""

    def run_again(self, rollout: Rollout) -> Mapping[str, Outcome]:
        """Have those run again that could not let go of a service before, and their balancers."""

    def serve_again(self, releases: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str], str]:
        """Have kept releases serve again: node, service, release. Returns why that failed, by node and service."""

    def serving(self, nodes: Sequence[str]) -> Mapping[str, Serving]:
        """Look at what serves on nodes."""

    def traffic(self, nodes: Iterable[str], services: Iterable[str]) -> Traffic:
        """Look at the counters of nodes, and of all balancers."""

    def others(self, rollout: Rollout, tier: str, service: str) -> Sequence[str]:
        """Nodes of a tier that have a service and do not change, or not yet; else those judged before; a few."""

    def verify(self, nodes: Sequence[str]) -> Mapping[str, str]:
        """Check that what is declared is what runs; return what is wrong, by the name of the test that says so."""

    def checks(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[str, Outcome]:
        """Run the repository's own checks, on each node and service; return what failed, by check and node."""

    def known(self) -> set[str] | None:
        """The nodes that there are now; None if that can't be told."""

    def tell(self, rollout: Rollout, event: Event) -> None:
        """Tell the webhook, if there is one."""
