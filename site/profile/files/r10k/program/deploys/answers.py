"""The answers: which environment the fleet, a tier or a single node is given.

They are one JSON file, replaced in one step. Puppet Server reads it for each node that asks (the node terminus
`answers`, site/profile/files/puppetserver/ruby/deploys/answers.rb). The narrowest answer counts: node, rollout of the
node's tier, tier, fleet.
This file is all the state that deploys have besides the environments. It needs no backup: on a new server
`deploy-environment BRANCH` makes both anew from the git remote. Lost are trials, answers of tiers, and the way back.

    {"fleet": ANSWER, "tiers": {TIER: ANSWER}, "nodes": {CERTNAME: ANSWER},
     "branches": {BRANCH: ENVIRONMENT}, "deploys": [ENVIRONMENT, …], "loaded": [ENVIRONMENT, …],
     "rollouts": {TIER: ROLLOUT}, "ended": {TIER: ENDED}}

`branches` has the newest sealed environment of each branch, `deploys` the last ones in their order, `loaded` those
that Puppet Server is still to forget. `rollouts` are under way, `ended` is the last one of each tier.
"""

import fcntl
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploys import files
from deploys.errors import DeployError

KEPT = 10
"""So many deploys are kept; also how far back an answer can go."""

FLEET_BRANCH = "production"
"""The branch that the fleet follows until it is told another one."""

ENVIRONMENT = re.compile(r"c_[0-9a-f]{10}")


def environment_of(commit: str) -> str:
    """Return the name of a commit's environment."""
    return f"c_{commit[:10]}"


@dataclass
class Answer:
    """What some nodes are given.

    Attributes:
        environment: the environment's name.
        branch: the branch that the answer follows; None for one that stays as it is.
        since: when it was set, in seconds since 1970.
        by: the account that set it.
        until: when it ends, in seconds since 1970; None for one that does not.
        before: the environments that were given before, the newest last.
        rollout: the number of the rollout that has made it, where its tier had none; None for one made by hand.
    """

    environment: str
    branch: str | None
    since: int
    by: str
    until: int | None = None
    before: list[str] = field(default_factory=list)
    rollout: int | None = None

    def moved(self, environment: str, by: str) -> "Answer":
        """Return the answer after a deploy: the way back is the present environment."""
        before = [*(name for name in self.before if name != environment), self.environment]
        return Answer(environment, self.branch, int(time.time()), by, self.until, before[-(KEPT - 1) :], self.rollout)

    def back(self, by: str) -> "Answer":
        """Return the answer before the last deploy.

        Raises:
            DeployError: there was none.
        """
        if not self.before:
            raise DeployError(f"there is no way back: nothing was given before {self.environment}")
        return Answer(self.before[-1], self.branch, int(time.time()), by, self.until, self.before[:-1], self.rollout)


@dataclass
class Rollout:
    """A rollout that is under way in a tier: the nodes of its waves so far are given its commit.

    Attributes:
        number: the rollout's number, the same in all tiers.
        epoch: how often a controller has taken it over; an earlier one may change nothing any more.
        environment: the environment of its commit.
        since: when it began in this tier, in seconds since 1970.
        by: the account that began it.
        nodes: the nodes that are given the commit, by certname.
    """

    number: int
    epoch: int
    environment: str
    since: int
    by: str
    nodes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """As a person reads it, without the tier."""
        return f"rollout {self.number} of {self.by}"


@dataclass
class Ended:
    """The last rollout of a tier that has come to its end: what comes late from a controller of it begins nothing.

    Attributes:
        environment: the environment of its commit; None if it never began in the tier.
        how: `finished` or `aborted`.
        fleet: whether the fleet was given its commit, too.
        moved: whether the tier had an answer of its own before, and another one.
    """

    number: int
    epoch: int
    environment: str | None
    how: str
    fleet: bool = False
    moved: bool = False


@dataclass
class Answers:
    """All answers, and what was deployed when."""

    fleet: Answer | None = None
    tiers: dict[str, Answer] = field(default_factory=dict)
    nodes: dict[str, Answer] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    deploys: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)

    def of_tier(self, tier: str) -> str | None:
        """The environment that a tier's nodes are given, but for those of a rollout and on trial; None for none."""
        answer = self.tiers.get(tier) or self.fleet
        return answer.environment if answer else None

    def follow(self, branch: str, environment: str, by: str) -> list[str]:
        """Give the environment to all that follow the branch; return who was given something else before."""
        moved = []
        if self.fleet is None and branch == FLEET_BRANCH:
            self.fleet = Answer(environment, branch, int(time.time()), by)
            moved.append("the fleet")
        elif self.fleet and self.fleet.branch == branch and self.fleet.environment != environment:
            self.fleet = self.fleet.moved(environment, by)
            moved.append("the fleet")
        for kind, answers in (("tier", self.tiers), ("node", self.nodes)):
            for name, answer in answers.items():
                if answer.branch == branch and answer.environment != environment:
                    answers[name] = answer.moved(environment, by)
                    moved.append(f"{kind} {name}")
        self.drop_needless()
        return moved

    def drop_needless(self) -> None:
        """Forget the answers of tiers that rollouts have made, and that are the fleet's by now."""
        if fleet := self.fleet:
            made = {name for name, answer in self.tiers.items() if answer.rollout is not None}
            for name in made:
                if self.tiers[name].environment == fleet.environment:
                    del self.tiers[name]

    def note_deploy(self, branch: str, environment: str) -> None:
        """Write down that a branch was deployed."""
        self.branches[branch] = environment
        self.deploys = [*(name for name in self.deploys if name != environment), environment][-KEPT:]

    def in_use(self) -> set[str]:
        """The environments that some node is given, and those of rollouts that are under way."""
        under_way = {rollout.environment for rollout in self.rollouts.values()}
        return {answer.environment for answer in self._all()} | under_way

    def kept(self) -> set[str]:
        """The environments that are not to be removed: those in use, the ways back, the last deploys, branches."""
        ways_back = {name for answer in self._all() for name in answer.before}
        return self.in_use() | ways_back | set(self.deploys) | set(self.branches.values())

    def drop_ended(self) -> None:
        """Forget the answers whose time is over."""
        now = time.time()
        ended = [name for name, answer in self.nodes.items() if answer.until and answer.until <= now]
        self.loaded += [self.nodes.pop(name).environment for name in ended]

    def _all(self) -> list[Answer]:
        return [*([self.fleet] if self.fleet else []), *self.tiers.values(), *self.nodes.values()]


def load(path: Path) -> Answers:
    """Read the answers; there are none where nothing was ever deployed.

    Raises:
        DeployError: the file can't be read, or does not say what it should.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        fleet = data["fleet"]
        found = Answers(
            Answer(**fleet) if fleet else None,
            {name: Answer(**answer) for name, answer in data["tiers"].items()},
            {name: Answer(**answer) for name, answer in data["nodes"].items()},
            data["branches"],
            data["deploys"],
            data["loaded"],
            # Files from before there were rollouts have neither.
            {tier: Rollout(**rollout) for tier, rollout in data.get("rollouts", {}).items()},
            {tier: Ended(**ended) for tier, ended in data.get("ended", {}).items()},
        )
    except FileNotFoundError:
        return Answers()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeployError(
            f"{path} can't be read ({error}): nodes get no catalog; move it away and deploy the fleet's branch again"
        ) from error
    found.drop_ended()
    return found


@contextmanager
def changing(path: Path) -> Iterator[Answers]:
    """The answers, to be changed by one process at a time; written when the block ends without an error.

    Raises:
        DeployError: they can't be read, or can't be written; then they are as they were.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.lock(path.with_name("answers.lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = load(path)
        yield found
        try:
            files.replace(path, json.dumps(asdict(found), indent=1) + "\n")
        except OSError as error:
            raise DeployError(f"{path} can't be written ({error.strerror}): nothing has changed") from error
