"""What every command knows: the control repository it works on, and its fleet."""

import json
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from fleet_cli.fleet import description
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import inventory

LAB = "lab"
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine to read.")


def chosen_nodes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which nodes are meant, beside their names."""
    for option in (
        click.option("--query", metavar="PQL", help="Only the nodes that PuppetDB answers this query with."),
        click.option("--tier", "tiers", multiple=True, metavar="TIER", help="Only nodes of this tier; several times: "
                     "of any of these."),
        click.option("--role", "roles", multiple=True, metavar="ROLE", help="Only nodes of this role; several times: "
                     "of any of these."),
    ):  # fmt: skip
        command = option(command)
    return command


class Context:
    """Given to commands by click.pass_obj."""

    def __init__(self, directory: Path | None = None, fleet: str | None = None) -> None:
        self.repo = directory.resolve() if directory else paths.control_repo()
        self._named = fleet

    @cached_property
    def fleet(self) -> Fleet:
        """The fleet that --fleet names, that fleet.yaml describes, or else the lab if it stands.

        Raises:
            FleetError: there is none, or its description is wrong.
        """
        found = self._file()
        if found is None:
            raise FleetError(
                f"no fleet: write {self.repo / description.FILE}, with `server` and `remote`, or bring up the lab:"
                " `fleet lab up`"
            )
        return description.load(found)

    @property
    def fleet_for_facts(self) -> Fleet | None:
        """The fleet whose PuppetDB knows the machines of the repository; None if there is none.

        A repository with a list of machines of its own is not about the lab's, unless the lab is named.
        """
        found = self._file()
        if found is None or (found == paths.LAB_FLEET and not self._named and (self.repo / inventory.FILE).exists()):
            return None
        return self.fleet

    def _file(self) -> Path | None:
        if self._named == LAB:
            if not paths.LAB_FLEET.exists():
                raise FleetError("the lab is not up: `fleet lab up` first")
            if not os.access(paths.LAB_FLEET, os.R_OK):
                raise FleetError("the lab is root's: run it as root, or with sudo")
            return paths.LAB_FLEET
        if self._named:
            return Path(self._named)
        own = self.repo / description.FILE
        return own if own.exists() else paths.LAB_FLEET if os.access(paths.LAB_FLEET, os.R_OK) else None


def print_json(data: Any) -> None:
    """Print data as JSON on standard output."""
    click.echo(json.dumps(data, indent=2))
