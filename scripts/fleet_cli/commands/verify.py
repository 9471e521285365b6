"""`fleet verify`: what is declared is what runs."""

import sys
from pathlib import Path

import click

from fleet_cli.commands.context import Context, chosen_nodes
from fleet_cli.fleet.nodes import Choice
from fleet_cli.verification import running


@click.command(short_help="Check that what is deployed is what runs.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@chosen_nodes
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the results to FILE too, as JUnit's XML.")  # fmt: skip
@click.pass_obj
def verify(  # noqa: PLR0917 - click gives an argument for each option
    context: Context,
    nodes: tuple[str, ...],
    roles: tuple[str, ...],
    tiers: tuple[str, ...],
    query: str | None,
    junit: Path | None,
) -> None:
    """Check that what is deployed to NODEs is what they have (without NODE: all but the Puppet server).

    For each service of each node's newest catalog: its package, release, units, account, health and port; owners and
    modes of its config, data and log. For each node: its agent's last run, and that nothing runs undeclared. For each
    balancer: that it serves. Tests of your own, in tests/verify of the control repository, run with them.

    Nothing is changed on the nodes, and nothing is written here but FILE.

    Exit status: 0 all is as declared, 1 something is not, or is not known, 2 wrong usage, 130 interrupted.
    """
    sys.exit(running.run(context.fleet, context.repo, Choice(nodes, roles, tiers, query), junit))
