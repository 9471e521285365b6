"""What a rollout is and how far it is: a file for each in a ref of the remote git repository, a commit for each step.

    git fetch REMOTE refs/fleet/rollouts && git log FETCH_HEAD

Every change of it is made on top of the newest commit, or not at all (`git push --force-with-lease`). So of two
controllers at once one loses, and is told so.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout.judging import Counts
from fleet_cli.rollout.waves import Wave

REF = "refs/fleet/rollouts"


class Status(StrEnum):
    """Where a rollout is, as a whole."""

    RUNNING = "running"
    PAUSED = "paused"
    REVERTING = "reverting"
    FINISHING = "finishing"
    DONE = "done"
    REVERTED = "reverted"
    ABORTED = "aborted"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self in (Status.DONE, Status.REVERTED, Status.ABORTED, Status.FAILED)


class Phase(StrEnum):
    """What is done with a wave next."""

    GIVE = "give"
    RUN = "run"
    JUDGE = "judge"


class NodeState(StrEnum):
    """What became of a node."""

    WAITING = "waiting"
    CHANGING = "changing"
    CHANGED = "changed"
    MISSING = "missing"
    SICK = "sick"
    GONE = "gone"
    REVERTED = "reverted"


@dataclass
class ServiceChange:
    """A service that changes on a node.

    Attributes:
        old, new: versions; empty where there is or was none.
        release: the release that served before, which is gone back to; empty where there was none.
    """

    old: str
    new: str
    release: str = ""


@dataclass
class Baseline:
    """What a service did before on the nodes of a wave: by its own counters, and by those of the balancers."""

    own: Counts = field(default_factory=Counts)
    balanced: Counts = field(default_factory=Counts)


@dataclass
class NodeChange:
    """A node that the plan says changes.

    Attributes:
        name: what messages call it.
        touched: the references of the resources that change, besides releases.
        why: why it is missing, sick or gone.
    """

    name: str
    role: str
    tier: str
    services: dict[str, ServiceChange] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    state: NodeState = NodeState.WAITING
    why: str = ""


@dataclass
class Rollout:
    """A rollout.

    Attributes:
        number: counts the rollouts of a fleet.
        epoch: how often it was taken over: the server takes orders of the newest controller alone.
        commit: what is rolled out.
        goal, before: by tier, the commit that is given at the end, and that was given before.
        whole: whether it is for all tiers, so that the fleet's own answer moves at its end.
        why, by, host: in whose words, and who began it, where.
        began, changed, ended: seconds since 1970; ended is 0 while it has not.
        waves: the nodes that change together, in their order.
        wave, phase: what is done next.
        status, reason: where it is, and why it is paused, was taken back or failed.
        pauses_until: when a pause ends by itself, in seconds since 1970; 0: a person ends it.
        wanted: how it is to end once what was changed is taken back: `reverted` or `aborted`.
        accepted: whether a person has said that the wave goes on without a verdict.
        one_way: whether its new releases can't be gone back from.
        quick: whether nothing is waited for: `--now`.
        takes_back: the number of the rollout that this one takes back; 0 for none.
        wrong_before: the tests of `verify` that failed before anything was changed.
        baseline: by service, what it did before on the nodes of the present wave.
        log: what happened, a line each, with its time in seconds since 1970.
    """

    number: int
    epoch: int
    commit: str
    goal: dict[str, str]
    before: dict[str, str]
    whole: bool
    why: str
    by: str
    host: str
    began: int
    nodes: dict[str, NodeChange]
    waves: list[Wave]
    changed: int = 0
    ended: int = 0
    wave: int = 0
    phase: Phase = Phase.GIVE
    status: Status = Status.RUNNING
    reason: str = ""
    pauses_until: int = 0
    wanted: Status = Status.REVERTED
    accepted: bool = False
    one_way: bool = False
    quick: bool = False
    takes_back: int = 0
    wrong_before: list[str] = field(default_factory=list)
    baseline: dict[str, Baseline] = field(default_factory=dict)
    log: list[tuple[int, str]] = field(default_factory=list)

    @property
    def tiers(self) -> list[str]:
        """The tiers that it holds."""
        return list(self.before)

    def of_tier(self, tier: str) -> dict[str, NodeChange]:
        """The nodes of a tier that change."""
        return {certname: node for certname, node in self.nodes.items() if node.tier == tier}

    def given(self, tier: str) -> list[str]:
        """The nodes of a tier that are given the commit: those of the waves up to the present one."""
        reached = {certname for wave in self.waves[: self.wave + 1] for certname in wave.nodes}
        return sorted(certname for certname in self.of_tier(tier) if certname in reached)

    @property
    def changed_nodes(self) -> dict[str, NodeChange]:
        """The nodes that were given the commit, or may have been."""
        return {certname: node for certname, node in self.nodes.items() if node.state != NodeState.WAITING}

    def as_json(self) -> str:
        """The file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The rollout as JSON has it."""
        found: dict[str, Any] = json.loads(self.as_json())
        return found


def read(text: str) -> Rollout:
    """Read a file.

    Raises:
        ValueError: it is none, or of a newer fleet.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        return Rollout(**{name: _READERS.get(name, _as_it_is)(value) for name, value in data.items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no rollout: {error!r}") from None


def _as_it_is(value: Any) -> Any:
    return value


def _node(data: Mapping[str, Any]) -> NodeChange:
    services = {name: ServiceChange(**service) for name, service in data["services"].items()}
    return NodeChange(**{**data, "services": services, "state": NodeState(data["state"])})


def _wave(data: Mapping[str, Any]) -> Wave:
    return Wave(data["tier"], data["kind"], tuple(data["nodes"]))


def _counts(data: Mapping[str, Any]) -> Counts:
    slower = {float(edge): int(count) for edge, count in data["slower"].items()}
    died, up = int(data.get("died", 0)), float(data.get("up", 0.0))
    return Counts(int(data["requests"]), int(data["failed"]), slower, data["mean_ms"], died, up)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "nodes": lambda nodes: {certname: _node(node) for certname, node in nodes.items()},
    "waves": lambda waves: [_wave(wave) for wave in waves],
    "log": lambda log: [(int(time), str(line)) for time, line in log],
    "phase": Phase,
    "status": Status,
    "wanted": Status,
    "baseline": lambda services: {
        name: Baseline(_counts(one["own"]), _counts(one["balanced"])) for name, one in services.items()
    },
}
"""What is no plain value; what an older fleet has not written is as it is by default."""


class LostError(FleetError):
    """Somebody else has taken the rollout over, or changed it meanwhile."""


Rollouts = dict[int, Rollout]


class Store(Protocol):
    """Where rollouts are kept."""

    def read(self) -> Rollouts:
        """Return all rollouts, as they are now.

        Raises:
            FleetError: it can't be asked.
        """

    def change(self, change: Callable[[Rollouts], tuple[Rollout, str]]) -> Rollout:
        """Change one rollout, or make one, on top of what is there now; return it.

        Args:
            change: given all of them, returns the one that is to be written and a line that says what happened. It may
                be called more than once, and raises what it does not want.

        Raises:
            FleetError: it can't be asked, or written; or what change raises.
        """


def active(rollouts: Mapping[int, Rollout]) -> Iterator[Rollout]:
    """Yield those that have not ended, the newest first."""
    for number in sorted(rollouts, reverse=True):
        if not rollouts[number].status.ended:
            yield rollouts[number]
