"""`fleet test`: every check of the repository, or a part."""

import sys

import click

from fleet_cli import suite
from fleet_cli.commands.context import Context


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--require-lab", is_flag=True, help="Fail, not skip, where this machine can't run the boxes.")
@click.argument("part", required=False, type=click.Choice(["all", *suite.PARTS]), default="all")
@click.argument("pytest_options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def test(context: Context, require_lab: bool, part: str, pytest_options: tuple[str, ...]) -> None:
    """Run the tests: unit (Python, lint), catalog (what Puppet compiles), node (the boxes); without PART all.

    Brings up the lab for the node tests unless it stands. Options after PART go to pytest: fleet test node -k rotated
    """
    parts = list(suite.PARTS) if part == "all" else [part]
    sys.exit(suite.run(context.lab, context.repo, parts, list(pytest_options), require_lab=require_lab))
