"""`fleet test`: every check of the repository, or a part."""

import sys

import click

from fleet_cli.commands.context import Context
from fleet_cli.development import suite
from fleet_cli.lab import description

REQUIRE_LAB, DEPLOY = "--require-lab", "--deploy"
PARTS = ("all", *suite.PARTS, suite.DRILL)


def _part_first(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Put `all` before options that no part precedes."""
    if not words or words[0].startswith("-"):
        return ("all", *words)
    if words[0] not in PARTS:
        raise click.BadParameter(f"{words[0]!r} is none of {', '.join(PARTS)}", param_hint="PART")
    return words


@click.command(
    short_help="Run this repository's own tests.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(REQUIRE_LAB, is_flag=True, help="Fail, not skip, where this machine can't run the boxes.")
@click.option(DEPLOY, is_flag=True, help="Deploy what is checked out, and run the node tests that deploy, too.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, callback=_part_first, metavar="[PART] [PYTEST_OPTIONS]...")
@click.pass_obj
def test(context: Context, require_lab: bool, deploy: bool, words: tuple[str, ...]) -> None:
    """Run the tests: unit (Python, lint), system (what runs in a Debian 13), catalog (what Puppet compiles), node (the
    boxes); without PART all, in which the others run beside node.

    The unit and catalog tests need no root, the others do. The node tests work on what is deployed; where there is no
    lab, they bring one up. Options other than those below go to pytest: fleet test node -k rotated

    `fleet test drill NAME` runs a drill: a long trial that no other part has. On the boxes it deploys, and leaves HEAD
    deployed; `patches` needs no boxes. Without NAME it says which there are.
    """
    part, *pytest_options = words
    parts = list(suite.PARTS) if part == "all" else [part]
    status = suite.run(
        description.load(context.repo),
        context.repo,
        parts,
        [option for option in pytest_options if option not in (REQUIRE_LAB, DEPLOY)],
        require_lab=require_lab or REQUIRE_LAB in pytest_options,
        deploy=deploy or DEPLOY in pytest_options,
    )
    sys.exit(status)
