"""`fleet reference`: the documentation of the Puppet module."""

import click

from fleet_cli.commands.context import Context
from fleet_cli.development import reference
from fleet_cli.machine import host, steps


@click.command("reference")
@click.pass_obj
def write_reference(context: Context) -> None:
    """Write modules/*/REFERENCE.md from the documentation in the modules' code, by puppet-strings.

    For whoever changes a module: a test compares the file with the code.
    """
    host.require_debian_root()
    with steps.heartbeat():
        for metadata in sorted((context.repo / "modules").glob("*/metadata.json")):
            click.echo(reference.write(metadata.parent))
