"""The drill `rollout`: bad changes of thirteen kinds, each to four production nodes under load; no switch is noticed.

What is the fault of the change is taken back by itself; for what is not, a rollout stops and waits for a person.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import releases
from conftest import restored
from deployed import LAB, connect
from fleet_cli.lab import cgroups, ssh
from fleet_cli.machine import paths, process
from fleet_cli.repository.labfile import Box, Lab
from load import Load
from rollouts import PAUSED, TAKEN_BACK, Rollouts, load, more_nodes, under_way
from waiting import wait_for

BOOT_SECONDS = 180.0
REVERT_SECONDS = 10
LEAST_REQUESTS = 100_000
REFUSED = 1
"""It does not begin where nobody can tell what serves."""
WATCH_SECONDS, DEADLINE_SECONDS = 30, 240
SETTINGS = {
    "canary": 1, "batch": "50%", "watch": WATCH_SECONDS, "deadline": DEADLINE_SECONDS, "least_requests": 100,
    "max_unreachable": 0,
}  # fmt: skip

Trouble = Callable[[Rollouts], AbstractContextManager[object]]


def sound(_: Path) -> None:
    """Nothing is wrong with the release."""


def no_trouble(_: Rollouts) -> AbstractContextManager[object]:
    return nullcontext()


@contextmanager
def unwritable(rollouts: Rollouts) -> Iterator[None]:
    """On the canary a file of Puppet's can't be written: a directory is in its place."""
    node, file = connect(rollouts.boxes[0]), "/etc/apt/preferences.d/fleet"
    node.check_output(f"mv {file} /root/kept && mkdir -p {file}/in-the-way")
    try:
        yield
    finally:
        node.check_output(f"rm -r {file} && mv /root/kept {file}")


@contextmanager
def dead_node(rollouts: Rollouts) -> Iterator[None]:
    """The last node has no power."""
    box = rollouts.boxes[-1]
    container = paths.CONTAINER_PREFIX + box.name
    process.run(cgroups.enter(["lxc-stop", "--kill", "--name", container]))
    try:
        yield
    finally:
        process.run(cgroups.enter(["lxc-start", "--name", container]))
        wait_for(lambda: answers(box), "the node is back", BOOT_SECONDS)


def answers(box: Box) -> bool:
    return ssh.run(box, ["systemctl", "is-active", "multi-user.target"], check=False).stdout.strip() == "active"


def stopped(unit: str) -> Trouble:
    """A daemon of the Puppet server does not run."""

    @contextmanager
    def trouble(_: Rollouts) -> Iterator[None]:
        server = connect(LAB.server)
        server.check_output(f"systemctl stop {unit}")
        try:
            yield
        finally:
            server.check_output(f"systemctl start {unit}")
            wait_for(lambda: server.service(unit).is_running, f"{unit} is back", BOOT_SECONDS)

    return trouble


def stopped_under_way(unit: str) -> Trouble:
    """A daemon of the Puppet server goes when a rollout has begun."""

    @contextmanager
    def trouble(rollouts: Rollouts) -> Iterator[None]:
        def end() -> None:
            wait_for(lambda: under_way() != {}, "a rollout has begun", BOOT_SECONDS)
            stack.enter_context(stopped(unit)(rollouts))

        with ExitStack() as stack, ThreadPoolExecutor(max_workers=1) as pool:
            ended = pool.submit(end)
            yield
            ended.result()

    return trouble


class Case(NamedTuple):
    """A bad change.

    Attributes:
        change: what is wrong with the package.
        verdict: the exit status that is right.
        serves: whether the release is ready, so that clients meet it.
        trouble: what else is wrong meanwhile.
    """

    change: Callable[[Path], None]
    verdict: int
    serves: bool = False
    trouble: Trouble = no_trouble


CASES = {
    "won't start": Case(releases.never_starts, TAKEN_BACK),
    "never ready": Case(releases.never_ready, TAKEN_BACK),
    "100 % of answers 5xx": Case(releases.answers_500, TAKEN_BACK, serves=True),
    "5 % of answers 5xx": Case(releases.answers_500_at_times, TAKEN_BACK, serves=True),
    "latency × 3": Case(releases.three_times_as_slow, TAKEN_BACK, serves=True),
    "config refused": Case(releases.refuses_config, TAKEN_BACK),
    "migration fails": Case(releases.failing_migration, TAKEN_BACK),
    "workers killed": Case(releases.kills_its_workers, TAKEN_BACK, serves=True),
    "another resource fails": Case(sound, PAUSED, trouble=unwritable),
    "a node is dead": Case(sound, PAUSED, trouble=dead_node),
    "no apt repository": Case(sound, PAUSED, trouble=stopped("nginx")),
    "PuppetDB goes": Case(sound, PAUSED, trouble=stopped_under_way("puppetdb")),
    "no PuppetDB": Case(sound, REFUSED, trouble=stopped("puppetdb")),
}


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        status: the exit status of the rollout.
        seconds: how long it took.
        had: on how many nodes the release was started.
        answered, lost: of all requests meanwhile.
        own: how many of the lost the bad release answered wrong itself.
        harm_seconds: from the first to the last of these.
        output: what the rollout printed.
    """

    status: int
    seconds: float
    had: int
    answered: int
    lost: int
    own: int
    harm_seconds: float
    output: str

    def wrong(self, case: Case) -> list[str]:
        """What is not as it should be, in words."""
        found = []
        if self.status != case.verdict:
            found.append(f"exit status {self.status}, not {case.verdict}:\n{self.output[-2000:]}")
        # Each wave has its deadline; a node that is dead is met in its own, after good ones.
        if self.seconds > (DEADLINE_SECONDS + WATCH_SECONDS + REVERT_SECONDS) * max(1, self.had):
            found.append("no verdict within its deadline")
        if self.had > 1 and case.verdict == TAKEN_BACK:
            found.append("it came to more nodes than its canary")
        if self.had and case is CASES["no PuppetDB"]:
            found.append("it has begun")
        # A worker that is killed takes with it what it is answering, and nobody can say any more who that was.
        if self.lost != self.own and case.change is not releases.kills_its_workers:
            found.append(f"{self.lost - self.own} requests were lost to switching")
        if self.harm_seconds > WATCH_SECONDS + REVERT_SECONDS:
            found.append("it was taken back late")
        return found


@pytest.fixture
def rollouts(lab: Lab, tmp_path: Path) -> Iterator[Rollouts]:
    """Four production nodes, and a version for each case; afterwards the lab is as before."""
    with restored(lab, tmp_path / "before"), more_nodes(tmp_path / "control") as (clone, boxes):
        (tmp_path / "packages").mkdir()
        found = Rollouts(clone, boxes, tmp_path / "packages", SETTINGS)
        found.publish({version(name): case.change for name, case in CASES.items()})
        yield found
        found("rollout", "abort")


def version(name: str) -> str:
    return f"9.{list(CASES).index(name)}.0-1"


@pytest.mark.drill
@pytest.mark.deploys
def test_rollout(rollouts: Rollouts) -> None:
    assert len(rollouts.boxes) >= 4
    print(f"\n{'':24}{'status':>7}{'s':>6}{'nodes':>6}{'answered':>10}{'lost':>6}{'own':>6}{'harm s':>8}", flush=True)
    problems, total = [], 0
    for name, case in CASES.items():
        outcome = roll_out(rollouts, name, case)
        print(
            f"{name:24}{outcome.status:7}{outcome.seconds:6.0f}{outcome.had:6}{outcome.answered:10}{outcome.lost:6}"
            f"{outcome.own:6}{outcome.harm_seconds:8.1f}",
            flush=True,
        )
        problems += [f"{name}: {words}" for words in outcome.wrong(case)]
        total += outcome.answered + outcome.lost
    print(f"{total} requests")
    assert problems == [], "\n".join(problems)
    assert total >= LEAST_REQUESTS


def roll_out(rollouts: Rollouts, name: str, case: Case) -> Outcome:
    """Roll out a bad change under load; afterwards everything serves what it did before, and no rollout is left."""
    before, began, number = rollouts.releases(), time.time(), version(name)
    rollouts.pin(number)
    clients, later = load(), load()  # PuppetDB says where, and may be the trouble
    # A node that loses its power loses requests, whoever rolls out what: nobody asks when it does.
    with case.trouble(rollouts), clients as sent:
        sent.more(500)
        start = time.monotonic()
        done = rollouts("rollout", "--why", name)
        seconds = time.monotonic() - start
        sent.more(500)
    with later:
        if done.returncode == PAUSED:
            rollouts.workspace.fleet.ok("rollout", "abort")
        later.more(500)
    assert under_way() == {}, f"{name}: a rollout is left"
    wait_for(lambda: rollouts.releases() == before, f"{name}: everything serves what it did before", BOOT_SECONDS)
    wrong = own(sent, number)
    assert bool(wrong) <= case.serves, f"{name}: a release that is not fit to serve has served"
    return Outcome(
        done.returncode, seconds, len(rollouts.had(number, began)), sent.answered + later.answered,
        len(sent.lost) + len(later.lost), wrong, sent.lost_at[-1] - sent.lost_at[0] if sent.lost else 0.0,
        done.stdout + done.stderr,
    )  # fmt: skip


def own(sent: Load, number: str) -> int:
    """How many requests a version itself answered wrong."""
    return sum(count for release, count in sent.wrong.items() if release.startswith(f"{number}."))
