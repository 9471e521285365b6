"""`fleet nodes`: the list of machines, from what PuppetDB knows of their certificates."""

import click

from fleet_cli.commands.context import Context
from fleet_cli.fleet import puppetdb
from fleet_cli.machine.printable import printable
from fleet_cli.planning import factsources
from fleet_cli.repository import inventory

_TRUSTED = "inventory[certname, trusted] {}"


@click.command("nodes", short_help="Print nodes.yaml, of what PuppetDB knows.")
@click.option("--puppetdb", "url", metavar="URL", help="The URL of a PuppetDB; the fleet's, if not given.")
@click.pass_obj
def list_nodes(context: Context, url: str | None) -> None:
    """Print nodes.yaml: the machines that PuppetDB knows, with the role and the tier in their certificates.

    fleet plan and fleet validate read it. Machines without a role or a tier are left out, and named.
    """
    rows = factsources.ask(url, _TRUSTED) if url else puppetdb.query(context.fleet, _TRUSTED)
    found, without = inventory.of_trusted_facts(rows)
    click.echo(printable(inventory.render(found)), nl=False)
    for certname in without:
        click.echo(printable(f"fleet: {certname}: its certificate names no role or no tier: left out"), err=True)
