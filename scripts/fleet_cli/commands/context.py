"""What every command knows: the control repository it works on, and its lab."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from fleet_cli.lab import labfile
from fleet_cli.lab.labfile import Lab
from fleet_cli.machine import paths

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine to read.")


class Context:
    """Given to commands by click.pass_obj."""

    def __init__(self, directory: Path | None = None) -> None:
        self.repo = directory.resolve() if directory else paths.control_repo()

    @cached_property
    def lab(self) -> Lab:
        """The lab that lab.yaml of the repository describes."""
        return labfile.load(self.repo / "lab.yaml")


def print_json(data: Any) -> None:
    """Print data as JSON on standard output."""
    click.echo(json.dumps(data, indent=2))
