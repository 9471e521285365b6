"""`fleet update`: changes of the template into a service that was made from it."""

import sys
from pathlib import Path

import click

from fleet_cli.services import templates


@click.command(short_help="Bring the template's changes into a service.")
@click.argument("service", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
def update(service: Path) -> None:
    """Merge what changed in the template since into the service in DIR; look at it, run tox, and commit.

    Takes the template as it is committed in fleet's own control repository. Exit status 1 if a change of the template
    met one of the service: the files named have both, between conflict markers.
    """
    done = templates.update(service)
    for path in done.changed:
        click.echo(f"{'conflict' if path in done.conflicts else 'changed '}  {path}")
    if done.before == done.after or not done.changed:
        click.echo(f"{service}: is up to date with the template at {done.after[:10]}")
        return
    click.echo(f"{service}: updated from the template at {done.before[:10]} to that at {done.after[:10]}")
    if done.conflicts:
        sys.exit(1)
