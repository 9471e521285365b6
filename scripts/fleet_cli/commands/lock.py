"""`fleet lock`: the digests of the Puppetfile's modules."""

from pathlib import Path

import click

from fleet_cli.commands.context import Context
from fleet_cli.commands.puppet_choice import chosen, puppet_options
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.planning import environment, locking
from fleet_cli.planning.locking import Other
from fleet_cli.repository import module_digests


@click.command(short_help="Write down what is in each module of the Puppetfile.")
@click.option(
    "--forge",
    "forge_url",
    metavar="URL",
    help="The Forge to fetch modules from. Without it: a mirror of Debian's packages, as the lab has it.",
)
@puppet_options
@click.option("--add", is_flag=True, help="Files that differ from what is locked for the version are good as well: "
              "another place has it, and both are used.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Files that differ from what is locked take its place.")
@click.pass_obj
def lock(  # noqa: PLR0917 - an option each
    context: Context, forge_url: str | None, kind: str, modules: Path | None, add: bool, replace: bool
) -> None:
    """Fetch the Puppetfile's modules, and write the SHA-256 of each one's files into Puppetfile.digests.json.

    Commit that file: the Puppet server then deploys no module that has other files. Run it after each change of the
    Puppetfile.

    Exit status 1 if a module has other files than are locked for its version; nothing is written then.
    """
    if add and replace:
        raise FleetError("--add and --replace exclude each other")
    other = Other.ADD if add else Other.REPLACE if replace else Other.REFUSE
    with chosen(kind, modules, forge_url) as using:
        changes = locking.lock(context.repo, using.source or environment.MIRROR, other)
    for change in changes:
        if change.what != "same":
            click.echo(printable(f"{change.what:8}  {change.name} {change.version}"))
    same = sum(change.what == "same" for change in changes)
    click.echo(f"{module_digests.NAME}: {len(changes)} module{'s' * (len(changes) != 1)}, {same} as before")
