"""What people order: begin a rollout, pause, go on, end it, and the last one back. From any clone, by anyone who may.

Each order takes a rollout over: it has a new epoch from then on, and whatever drove it before is told so and stops.
"""

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout.git_store import account
from fleet_cli.rollout.state import (
    NodeChange,
    NodeState,
    Phase,
    Rollout,
    Rollouts,
    ServiceChange,
    Status,
    Store,
    active,
)
from fleet_cli.rollout.waves import ALL, Wave


class BusyError(FleetError):
    """Another rollout is under way."""


def begin(store: Store, made: Rollout) -> Rollout:
    """Write down a new rollout, with the next number: `made` has the highest one that the server knows.

    Raises:
        BusyError: another one is under way in one of its tiers.
    """

    def add(rollouts: Rollouts) -> tuple[Rollout, str]:
        for other in active(rollouts):
            if shared := [tier for tier in made.tiers if tier in other.tiers]:
                raise BusyError(
                    f"rollout {described(other)} is {other.status} in {', '.join(shared)}: `fleet rollout status` shows"
                    f" it, `fleet rollout abort` ends it, --wait waits for its end"
                )
        rollout = replace(made, number=max([made.number, *rollouts]) + 1)
        line = f"begun by {rollout.by}: {rollout.why or 'no reason given'}"
        rollout.log = [(rollout.began, line)]
        return rollout, line

    return store.change(add)


def described(rollout: Rollout) -> str:
    """Return which rollout it is, by whom, and since when."""
    since = time.strftime("%d %b %H:%M", time.localtime(rollout.began))
    why = f" ({rollout.why})" if rollout.why else ""
    return f"{rollout.number} of {rollout.by}@{rollout.host}, since {since}{why}"


def present(rollouts: Rollouts, number: int | None) -> Rollout:
    """Return the rollout that is meant: that of a number, or the only one that is under way.

    Raises:
        FleetError: there is none, or several are.
    """
    if number is not None:
        if number not in rollouts:
            raise FleetError(f"there is no rollout {number}: `fleet rollout list` has all of them")
        return rollouts[number]
    found = [*active(rollouts)]
    if not found:
        raise FleetError("no rollout is under way: `fleet rollout list` has those that ended")
    if len(found) > 1:
        raise FleetError("several are under way; say which: " + "; ".join(described(one) for one in found))
    return found[0]


def pause(store: Store, number: int | None) -> Rollout:
    """Stop a rollout where it is."""

    def change(rollout: Rollout) -> str:
        _require(rollout, (Status.RUNNING,), "paused")
        rollout.status, rollout.pauses_until = Status.PAUSED, 0
        rollout.reason = f"by {account()}"
        return f"paused by {account()}"

    return _taken_over(store, number, change)


def resume(store: Store, number: int | None, *, take_over: bool) -> Rollout:
    """Have a rollout go on where it was: one that is paused, or one whose controller is gone.

    Args:
        take_over: whether it is known to the caller that its controller is gone.
    """

    def change(rollout: Rollout) -> str:
        if rollout.status != Status.PAUSED and not take_over:
            _require(rollout, (Status.RUNNING, Status.REVERTING, Status.FINISHING), "resumed")
            raise FleetError(
                f"rollout {described(rollout)} is {rollout.status}, not paused; its last step was"
                f" {_ago(rollout.changed)} ago: {rollout.log[-1][1]}\nif nothing drives it any more: `fleet rollout"
                " resume --take-over`"
            )
        _require(rollout, (Status.PAUSED, Status.RUNNING, Status.REVERTING, Status.FINISHING), "resumed")
        if rollout.status == Status.PAUSED:
            rollout.status, rollout.reason, rollout.pauses_until = Status.RUNNING, "", 0
            if rollout.phase == Phase.JUDGE:
                rollout.phase = Phase.RUN  # nodes that were away may be there
        return f"resumed by {account()}"

    return _taken_over(store, number, change)


def promote(store: Store, number: int | None) -> Rollout:
    """Have a rollout go on without the verdict of its present wave, or with nodes missing."""

    def change(rollout: Rollout) -> str:
        _require(rollout, (Status.PAUSED, Status.RUNNING), "promoted")
        rollout.status, rollout.reason, rollout.pauses_until = Status.RUNNING, "", 0
        rollout.accepted = True
        return f"promoted by {account()}"

    return _taken_over(store, number, change)


def abort(store: Store, number: int | None, *, one_way: bool = False) -> Rollout:
    """Have what a rollout has changed taken back."""

    def change(rollout: Rollout) -> str:
        if rollout.status == Status.FINISHING:
            raise FleetError(
                f"all waves of rollout {rollout.number} are through, and it is about to end: `fleet rollout resume"
                " --take-over` ends it, then `fleet rollback` takes it back"
            )
        _require(rollout, (Status.PAUSED, Status.RUNNING, Status.REVERTING), "aborted")
        if rollout.one_way and rollout.changed_nodes and not one_way:
            raise FleetError(
                f"rollout {rollout.number} can't be gone back from: the releases of before may not run on what the new"
                " ones have made of their tables. `fleet rollout promote` ends it as it is; `fleet rollout abort"
                " --one-way` goes back nevertheless"
            )
        if rollout.status != Status.REVERTING:
            rollout.reason = f"aborted by {account()}" + (f", after: {rollout.reason}" if rollout.reason else "")
        rollout.status, rollout.wanted = Status.REVERTING, Status.ABORTED
        return f"aborted by {account()}"

    return _taken_over(store, number, change)


def last(rollouts: Rollouts) -> Rollout:
    """Return the rollout that `fleet rollback` takes back: the newest that came to its end and was not taken back.

    Raises:
        FleetError: there is none.
    """
    back = {one.takes_back for one in rollouts.values() if one.status == Status.DONE}
    for number in sorted(rollouts, reverse=True):
        one = rollouts[number]
        if one.status == Status.DONE and not one.takes_back and number not in back:
            return one
    raise FleetError("there is no rollout to take back: `fleet rollout list`; `fleet deploy --back` goes back a deploy")


def taking_back(rollout: Rollout) -> Rollout:
    """Return a rollout that takes another one back: all nodes at once, each to the release that it has kept."""
    nodes = {
        certname: NodeChange(
            node.name, node.role, node.tier,
            {name: ServiceChange(one.new, one.old, one.release) for name, one in node.services.items()}, node.touched,
        )
        for certname, node in rollout.nodes.items()
        if node.state != NodeState.GONE
    }  # fmt: skip
    tiers = dict.fromkeys(node.tier for node in nodes.values())
    waves = [
        Wave(tier, ALL, tuple(certname for certname, node in nodes.items() if node.tier == tier)) for tier in tiers
    ]
    return Rollout(
        0, 1, commit=rollout.before[next(iter(rollout.before))], goal=dict(rollout.before), before=dict(rollout.goal),
        whole=rollout.whole, why=f"takes rollout {rollout.number} back", by=account(), host=host(),
        began=int(time.time()), nodes=nodes, waves=waves, quick=True, takes_back=rollout.number,
    )  # fmt: skip


def host() -> str:
    """Return the name of this machine."""
    return socket.gethostname().partition(".")[0]


def _taken_over(store: Store, number: int | None, change: Callable[[Rollout], str]) -> Rollout:
    def apply(rollouts: Rollouts) -> tuple[Rollout, str]:
        rollout = present(rollouts, number)
        line = change(rollout)
        rollout.epoch += 1
        rollout.changed = int(time.time())
        rollout.log.append((rollout.changed, line))
        return rollout, line

    store.read()  # what was read last may be old
    return store.change(apply)


def _require(rollout: Rollout, allowed: Iterable[Status], what: str) -> None:
    if rollout.status not in tuple(allowed):
        raise FleetError(f"rollout {rollout.number} is {rollout.status}: it can't be {what}")


def _ago(then: int) -> str:
    seconds = max(0, int(time.time()) - then)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
