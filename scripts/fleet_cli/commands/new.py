"""`fleet new`: a service from the template."""

from pathlib import Path

import click

from fleet_cli.commands.context import Context
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import declared, fleet_data
from fleet_cli.repository.trees import Directory
from fleet_cli.services import templates


@click.command(short_help="Make a new service from the template.")
@click.argument("name")
@click.option("--upstream", default="", metavar="SERVICE", help="A service that the new one asks over REST.")
@click.option("--version", default="1.0.0", show_default=True, help="Its first version.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where to make it.")
@click.pass_obj
def new(context: Context, name: str, upstream: str, version: str, output: Path) -> None:
    """Make a new service NAME from the template, in a directory of that name.

    NAME is not one that Hiera declares already: a new version of a service is a change of its source.
    """
    said = fleet_data.read(Directory(context.repo), mentioning=name)
    if place := declared.where(said, name):
        raise FleetError(f"there is a service {name!r} already, declared in {place}: choose another name")
    made = templates.render(name, output, version=version, upstream=upstream)
    click.echo(f"{made}: next, `fleet build {made}` and `fleet publish`, then hieradata/services/{name}.yaml")
