"""`fleet build`: a service's Debian package."""

from pathlib import Path

import click

from fleet_cli.commands.context import json_option, print_json
from fleet_cli.machine import steps
from fleet_cli.services import building


@click.command(short_help="Build a service's Debian package.")
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True,
              help="Where the .deb goes.")  # fmt: skip
@click.option("--again", is_flag=True, help="Build it even if nothing has changed since it was built.")
@json_option
def build(source: Path, output: Path, again: bool, as_json: bool) -> None:
    """Build the Debian package of the service in DIR, in a clean Debian 13.

    If nothing has changed that goes into it, the package of before is taken: it was tested when it was built.
    """
    with steps.heartbeat():
        packages = building.build(source, output, again=again)
    if as_json:
        print_json([package.as_dict() for package in packages])
        return
    for package in packages:
        click.echo(f"{package.path}\n  {package.name} {package.version} {package.architecture}, {package.size} bytes")
        click.echo(f"  sha256 {package.sha256}")
