"""`fleet publish`: packages into the apt repository."""

from pathlib import Path

import click

from fleet_cli.commands.context import Context
from fleet_cli.fleet import publishing


@click.command()
@click.argument("files", metavar="FILE.deb...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_obj
def publish(context: Context, files: tuple[Path, ...]) -> None:
    """Publish packages in the fleet's signed apt repository; every version stays available."""
    click.echo(publishing.publish(context.fleet, files, context.repo).strip())
