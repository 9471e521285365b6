"""`fleet status`: is everything as declared?"""

import sys

import click

from fleet_cli.commands.context import Context, chosen_nodes, json_option, print_json
from fleet_cli.fleet import status as fleet_status
from fleet_cli.fleet import status_view
from fleet_cli.fleet.nodes import Choice
from fleet_cli.fleet.status import Status
from fleet_cli.machine import interruptible
from fleet_cli.machine.errors import FleetError


@click.command(short_help="Compare what git declares with what runs.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@chosen_nodes
@json_option
@click.option("--watch", is_flag=True, help="Look again every few seconds; Ctrl-C ends it, with status 130.")
@click.option("--quick", is_flag=True, help="Ask no node, PuppetDB alone: what nodes run now is not known then.")
@click.pass_obj
def status(  # noqa: PLR0917 - click gives an argument for each option
    context: Context,
    nodes: tuple[str, ...],
    roles: tuple[str, ...],
    tiers: tuple[str, ...],
    query: str | None,
    as_json: bool,
    watch: bool,
    quick: bool,
) -> None:
    """Compare what git declares with what runs on NODEs (without NODE: on all but the Puppet server).

    For each service: the version that this checkout declares, the one in the node's newest catalog, the one that is
    installed, and the one that serves; and whether it is healthy. A line for each difference says since when, and the
    likely cause. Nodes with the same difference share a line.

    A node that is not reached, or a PuppetDB that does not answer, does not hold up the rest; it has a line that says
    what is not known.

    Exit status: 0 all is as declared, 1 something differs or is not known, 2 wrong usage, 130 interrupted.
    """
    if watch and as_json:
        raise FleetError("--watch and --json exclude each other")

    def look() -> Status:
        choice = Choice(nodes, roles, tiers, query)
        fleet, repo = context.fleet, context.repo
        return interruptible.call(lambda: fleet_status.collect(fleet, repo, choice, ask_nodes=not quick))

    if watch:
        status_view.watch(look)
    found = look()
    if as_json:
        print_json(found.as_dict())
    else:
        status_view.show(found)
    if not found.as_declared:
        sys.exit(1)
