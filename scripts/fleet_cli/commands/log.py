"""`fleet log`: who did what, when."""

import sys

import click

from fleet_cli.commands.context import Context, chosen_nodes, json_option, print_json
from fleet_cli.fleet import nodes as fleet_nodes
from fleet_cli.fleet import records
from fleet_cli.fleet.nodes import Choice
from fleet_cli.fleet.records import Wanted
from fleet_cli.machine import interruptible
from fleet_cli.machine.printable import printable


@click.command(short_help="Show who did what, and when.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--since", metavar="TIME", default="7d", show_default=True,
              help="No record before that: 90m, 2h, 3d, 1w, 2026-11-27, '2026-11-27 14:30'.")  # fmt: skip
@click.option("--action", type=click.Choice(records.ACTIONS), help="Only records of this.")
@click.option("--who", metavar="ACCOUNT", help="Only what this person did.")
@chosen_nodes
@json_option
@click.pass_obj
def log(  # noqa: PLR0917 - click gives an argument for each option
    context: Context,
    nodes: tuple[str, ...],
    roles: tuple[str, ...],
    tiers: tuple[str, ...],
    query: str | None,
    since: str,
    action: str | None,
    who: str | None,
    as_json: bool,
) -> None:
    """Show who deployed, tried, published, ran, rolled back and enrolled what, when, and what came of it.

    The newest is last. Requests for certificates, which are granted or not, are the Puppet server's own.

    The Puppet server is asked, and NODEs with it (without NODE: all of them). Machines keep the records in their
    journals, the last thousand of 90 days at most.

    Exit status: 0 all told their records, 1 some machine did not (named at the end), 2 wrong usage, 130 interrupted.
    """
    wanted = Wanted(records.since(since), action, who)
    fleet, repo = context.fleet, context.repo
    chosen = fleet_nodes.chosen(fleet, repo, Choice(nodes, roles, tiers, query))
    found = interruptible.call(lambda: records.collect(fleet, chosen, wanted))
    if as_json:
        print_json(found.as_dict())
    else:
        click.echo("\n".join(records.lines(found.records)) or "no record")
    for machine, why in found.missing.items():
        click.echo(printable(f"fleet: {machine}: its records are not here: {why}"), err=True)
    if found.missing:
        sys.exit(1)
