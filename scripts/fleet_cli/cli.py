"""The command line: its groups, and how a failure looks to the user."""

import os
import signal
import sys
import tomllib
from pathlib import Path

import click

from fleet_cli.commands.build import build
from fleet_cli.commands.context import Context
from fleet_cli.commands.deploy import deploy
from fleet_cli.commands.lab import lab
from fleet_cli.commands.log import log
from fleet_cli.commands.new import new
from fleet_cli.commands.nodes import list_nodes
from fleet_cli.commands.plan import plan
from fleet_cli.commands.publish import publish
from fleet_cli.commands.reference import write_reference
from fleet_cli.commands.run import run
from fleet_cli.commands.status import status
from fleet_cli.commands.test import test
from fleet_cli.commands.update import update
from fleet_cli.commands.validate import validate
from fleet_cli.commands.verify import verify
from fleet_cli.lab import description
from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import FleetError

INTERRUPTED = 130


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """The version stands in pyproject.toml alone: fleet runs from its clone and is not installed."""
    if wanted:
        project = tomllib.loads((paths.control_repo() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        click.echo(f"fleet {project['version']}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("-C", "directory", type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="Work on the control repository in this directory, not on fleet's own.")  # fmt: skip
@click.option("--fleet", "described", metavar="FILE|lab", help="The fleet to work on: its description, or the lab. "
              "Without it: fleet.yaml of the control repository, or else the lab if it stands.")  # fmt: skip
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Print the version, and exit.")  # fmt: skip
@click.pass_context
def fleet(context: click.Context, directory: Path | None, described: str | None) -> None:
    """Runs beside a Puppet control repository: builds, checks, deploys, agent runs, and a lab of Vagrant boxes.

    Exit status: 0 done, 1 it failed, 2 wrong usage, 130 interrupted. Where they differ, a command's
    own --help says it.
    """
    context.obj = Context(directory, described)
    description.register(context.obj.repo)


for command in (
    lab, new, update, build, publish, validate, list_nodes, plan, deploy, run, status, verify, log, test,
    write_reference,
):  # fmt: skip
    fleet.add_command(command)


def main() -> None:
    """Run fleet; a failure is one message on standard error, never a traceback."""
    # A terminated fleet cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = fleet(prog_name="fleet", standalone_mode=False)
    except click.exceptions.Abort:
        _interrupted()
    except KeyboardInterrupt:
        _interrupted()
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except FleetError as error:
        click.echo(f"fleet: {error}", err=True)
        status = 1
    except BrokenPipeError:
        status = 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"fleet: {where}{error.strerror or error}", err=True)
        status = 1
    sys.exit(status)


def _interrupted() -> None:
    process.end_all()
    click.echo("fleet: interrupted; the same command again goes on from here", err=True)
    sys.stderr.flush()
    os._exit(INTERRUPTED)  # threads may still wait for what was just ended
