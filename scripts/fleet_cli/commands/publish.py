"""`fleet publish`: packages into the apt repository."""

from pathlib import Path

import click

from fleet_cli.commands.context import Context
from fleet_cli.fleet import publishing
from fleet_cli.machine.printable import printable
from fleet_cli.services import building


@click.command(short_help="Publish packages in the apt repository.")
@click.argument("files", metavar="FILE.deb...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_obj
def publish(context: Context, files: tuple[Path, ...]) -> None:
    """Publish packages in the fleet's signed apt repository; every version stays available."""
    packages = [building.describe(file) for file in files]
    click.echo(printable(publishing.publish(context.fleet, packages, context.repo).strip()))
