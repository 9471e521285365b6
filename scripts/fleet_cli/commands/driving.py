"""What the commands that drive a rollout have in common: from an order to its end, and the exit status."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence

import click

from fleet_cli.commands.context import Context, print_json
from fleet_cli.fleet.nodes import Node
from fleet_cli.machine import steps
from fleet_cli.machine.printable import printable
from fleet_cli.rollout import orders, preparing, telling
from fleet_cli.rollout.controller import Controller
from fleet_cli.rollout.fleet_world import FleetWorld
from fleet_cli.rollout.git_store import GitStore
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import LostError, Rollout, Status

PAUSED = 3
WAIT_SECONDS = 10.0


def world(
    context: Context, state: Mapping[str, Settings], *, as_json: bool, known: Sequence[Node] | None = None
) -> FleetWorld:
    """Return the fleet; what came of a wave goes to standard output, where there is nothing for a machine.

    Args:
        state: by tier, its settings.
        known: all nodes, where PuppetDB was asked for them already.
    """

    def report(text: str) -> None:
        click.echo(printable(text))

    return FleetWorld(context.fleet, context.repo, state, steps.say if as_json else report, known)


def begin(store: GitStore, made: Rollout, *, waits: bool) -> Rollout:
    """Begin a rollout, after the end of others if the caller waits for it.

    Raises:
        BusyError: another one is under way, and the caller does not wait.
    """
    said = ""
    while True:
        try:
            return orders.begin(store, made)
        except orders.BusyError as busy:
            if not waits:
                raise
            if str(busy) != said:
                said = str(busy)
                steps.say(f"waiting: {said}")
            time.sleep(WAIT_SECONDS)
            store.read()


def drive(
    begun: Rollout,
    store: GitStore,
    fleet: FleetWorld,
    state: Mapping[str, Settings],
    *,
    as_json: bool,
    aborted: bool = False,
) -> None:
    """Drive a rollout as far as it goes, say what came of it, and exit with the status that fits.

    Args:
        state: by tier, its settings.
        aborted: whether its being taken back is what was asked for.
    """
    try:
        ended = Controller(begun.number, begun.epoch, fleet, store, state).drive()
    except LostError as lost:
        ended = store.read()[begun.number]
        steps.say(str(lost))
    except KeyboardInterrupt:
        steps.say(
            f"rollout {begun.number} stays where it is: `fleet rollout resume --take-over` goes on with it,"
            " `fleet rollout abort` takes it back"
        )
        raise
    if as_json:
        print_json(ended.as_dict())
    else:
        click.echo(printable("\n".join(telling.outcome(ended))))
    sys.exit(_status(ended, aborted=aborted))


def _status(ended: Rollout, *, aborted: bool) -> int:
    if aborted:
        return 0 if ended.status == Status.ABORTED and not telling.left(ended) else 1
    if ended.status == Status.DONE:
        return 0 if not ended.reason else 1
    return PAUSED if ended.status == Status.PAUSED else 1


def go_on(context: Context, order: Callable[[GitStore], Rollout], *, as_json: bool, aborted: bool = False) -> None:
    """Carry an order out, and drive the rollout from here on; see `drive`."""
    store = GitStore(context.fleet, context.repo)
    taken = order(store)
    commit = preparing.here(context.fleet, context.repo, taken)
    state = preparing.settings_of(context.repo, commit, taken.tiers)
    drive(taken, store, world(context, state, as_json=as_json), state, as_json=as_json, aborted=aborted)
