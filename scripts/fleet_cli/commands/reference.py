"""`fleet reference`: the pages that are written from the code."""

import click

from fleet_cli.commands.context import Context
from fleet_cli.development import reference
from fleet_cli.machine import host, steps


@click.command("reference", short_help="Write the pages that come from the code.")
@click.pass_obj
def write_reference(context: Context) -> None:
    """Write what is generated from the code: docs/findings.md, and modules/*/REFERENCE.md by puppet-strings.

    For whoever changes a module or a rule of fleet validate: tests compare these files with the code.
    """
    if (context.repo / reference.FINDINGS).exists():  # another control repository may have no pages
        click.echo(reference.write_findings(context.repo))
    host.require_debian_root()
    with steps.heartbeat():
        for metadata in sorted((context.repo / "modules").glob("*/metadata.json")):
            click.echo(reference.write(metadata.parent))
