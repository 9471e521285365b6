"""`fleet rollback`: the last rollout back."""

import click

from fleet_cli.commands import driving
from fleet_cli.commands.context import Context, json_option
from fleet_cli.rollout import orders, preparing
from fleet_cli.rollout.git_store import GitStore
from fleet_cli.rollout.state import active


@click.command(short_help="Take the last rollout back, everywhere, now.")
@json_option
@click.pass_obj
def rollback(context: Context, as_json: bool) -> None:
    """Take the last rollout back, on all nodes at once: the releases that they have kept serve again.

    One that is under way is aborted, as by `fleet rollout abort`.

    Exit status: 0 everything is back, 1 something is not, 3 it is paused.
    """
    store = GitStore(context.fleet, context.repo)
    found = store.read()
    if any(active(found)):
        driving.go_on(context, lambda store: orders.abort(store, None), as_json=as_json, aborted=True)
    last = orders.last(found)
    preparing.require_given(context.fleet, last)
    begun = orders.begin(store, orders.taking_back(last))
    commit = preparing.here(context.fleet, context.repo, begun)
    state = preparing.settings_of(context.repo, commit, begun.tiers)
    world = driving.world(context, state, as_json=as_json)
    world.tell(begun, "start")
    driving.drive(begun, store, world, state, as_json=as_json)
