"""The command line: its groups, and how a failure looks to the user."""

import importlib
import os
import signal
import sys
import tomllib
from pathlib import Path

import click

from fleet_cli.commands.context import Context
from fleet_cli.lab import kind
from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable

INTERRUPTED = 130
COMMANDS = {
    **{name: name for name in (
        "build", "deploy", "enroll", "lab", "lock", "log", "new", "plan", "publish", "rollback", "rollout", "run",
        "status", "test", "update", "validate", "verify",
    )},
    "nodes": "list_nodes",
    "reference": "write_reference",
}  # fmt: skip
"""By the name of a command, which is that of its module in fleet_cli.commands, what it is called there."""


class Commands(click.Group):
    """Reads a command's module when the command is called: to read all of them takes longer than most of them need."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click has it
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click has it
        """Return a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"fleet_cli.commands.{cmd_name}")
        command: click.Command = getattr(module, COMMANDS[cmd_name])
        return command


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """The version stands in pyproject.toml alone: fleet runs from its clone and is not installed."""
    if wanted:
        project = tomllib.loads((paths.control_repo() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        click.echo(f"fleet {project['version']}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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
    kind.register(context.obj.repo)


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
        click.echo(f"fleet: {printable(str(error))}", err=True)
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
