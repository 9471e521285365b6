"""What people read of rollouts."""

import time
from collections import Counter
from collections.abc import Iterator

from fleet_cli.rollout.orders import described
from fleet_cli.rollout.state import NodeState, Rollout, Rollouts, Status, active
from fleet_cli.rollout.waves import Wave

SHORT = 10
SHOWN = 8


def plan(rollout: Rollout, nodes: int) -> list[str]:
    """Return what a rollout changes, and in which waves.

    Args:
        nodes: how many the fleet has.
    """
    changed = len(rollout.nodes)
    if not changed:
        return [f"plan: nothing changes on {nodes} nodes: the commit is given to all at once"]
    services: Counter[tuple[str, str, str, str]] = Counter()
    for node in rollout.nodes.values():
        services.update((name, one.old, one.new, node.tier) for name, one in node.services.items())
    parts = []
    for name, old, new in dict.fromkeys(key[:3] for key in services):
        tiers = ", ".join(f"{tier} {services[name, old, new, tier]}" for tier in rollout.tiers
                          if services[name, old, new, tier])  # fmt: skip
        parts.append(f"{name} {_versions(old, new)} ({tiers})")
    without = sum(not node.services for node in rollout.nodes.values())
    rest = f"{without} without a release" if without else "nothing else"
    lines = [f"plan: {changed} of {nodes} nodes change: {'; '.join([*parts, rest])}"]
    return [*lines, *(f"  {_wave(rollout, number, wave)}" for number, wave in enumerate(rollout.waves, 1))]


def _versions(old: str, new: str) -> str:
    if not old:
        return f"{new}, new there"
    if not new:
        return f"{old} leaves"
    return f"{old} with another config" if old == new else f"{old} → {new}"


def _wave(rollout: Rollout, number: int, wave: Wave) -> str:
    names = [rollout.nodes[certname].name for certname in wave.nodes]
    shown = " ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"wave {number}/{len(rollout.waves)} {wave.tier}: {shown}" + (f" ({wave.kind})" if wave.kind else "")


def lines(rollouts: Rollouts) -> Iterator[str]:
    """Yield a line for each rollout, the newest first."""
    for number in sorted(rollouts, reverse=True):
        one = rollouts[number]
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.began))
        yield f"{number:>4}  {began}  {one.status:<10} {one.commit[:SHORT]}  {one.by}: {one.why or '-'}"


def status(rollouts: Rollouts) -> Iterator[str]:
    """Yield what is under way; or what came of the last one."""
    found = [*active(rollouts)]
    if not found:
        if not rollouts:
            yield "no rollout so far"
            return
        last = rollouts[max(rollouts)]
        yield f"no rollout is under way; the last one, {described(last)}, is {last.status}" + (
            f": {last.reason}" if last.reason else ""
        )
    for one in found:
        yield from present(one)


def present(rollout: Rollout) -> Iterator[str]:
    """Yield where a rollout is."""
    where = f"{rollout.status} in {', '.join(rollout.tiers)}, commit {rollout.commit[:SHORT]}"
    yield f"rollout {described(rollout)}: {where}"
    if rollout.reason:
        yield f"  {rollout.reason}"
    if rollout.status == Status.PAUSED:
        until = time.strftime("%H:%M:%S", time.localtime(rollout.pauses_until))
        yield "  `fleet rollout resume` tries that again, `promote` goes on without it, `abort` takes all back" + (
            f"; at {until} it is taken back" if rollout.pauses_until else ""
        )
    for number, wave in enumerate(rollout.waves, 1):
        mark = "through" if number <= rollout.wave else "now" if number == rollout.wave + 1 else "to come"
        yield f"  {_wave(rollout, number, wave)}: {mark}"
    for node in rollout.nodes.values():
        if node.state in (NodeState.MISSING, NodeState.SICK, NodeState.GONE):
            yield f"  {node.name} is {node.state}: {node.why}"


def whole(rollout: Rollout) -> Iterator[str]:
    """Yield all that is known of a rollout."""
    yield from present(rollout)
    for node in rollout.nodes.values():
        changes = ", ".join(f"{name} {_versions(one.old, one.new)}" for name, one in node.services.items())
        yield f"  {node.name} ({node.tier}): {node.state}" + (f"; {changes}" if changes else "")
    for seconds, line in rollout.log:
        yield f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}  {line}"


def left(rollout: Rollout) -> list[str]:
    """Return the nodes that could not be brought back."""
    return [node.name for node in rollout.changed_nodes.values() if node.state != NodeState.REVERTED]


def outcome(rollout: Rollout) -> Iterator[str]:
    """Yield what a rollout came to, and what to do then."""
    yield f"rollout {rollout.number}: {rollout.status}" + (f": {rollout.reason}" if rollout.reason else "")
    if rollout.status in (Status.REVERTED, Status.ABORTED):
        if names := left(rollout):
            yield f"  not back yet, and told to go back when they are there: {', '.join(names)}"
        yield "  its commit is at the end of the branch still: revert there what is wrong, or roll out what mends it"
    elif rollout.status == Status.PAUSED:
        yield "  `fleet rollout resume` tries that again, `promote` goes on without it, `abort` takes all back"
