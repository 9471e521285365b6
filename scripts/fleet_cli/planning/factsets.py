"""What nodes say of themselves: from PuppetDB where it can be asked, otherwise from the fact sets of tests/catalog."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile
from fleet_cli.repository.inventory import Machine

DIRECTORY = Path("tests/catalog")
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class FactSets:
    """The facts of nodes.

    Attributes:
        live: those that PuppetDB has, by certname.
        repo: where the fact sets of the others are.
        addresses: of the lab's boxes, by certname.
        given: in the place of the fact sets of the repository.
    """

    live: Mapping[str, Facts]
    repo: Path
    addresses: Mapping[str, str]
    given: Facts | None = None

    def of(self, machine: Machine) -> Facts:
        """Return the facts of a machine.

        Raises:
            FleetError: there are none.
        """
        if machine.certname in self.live:
            return self.live[machine.certname]
        base = self._set(machine)
        host, _, domain = machine.certname.partition(".")
        names = {"hostname": host, "domain": domain, "fqdn": machine.certname}
        networking = {**base.get("networking", {}), **names}
        if machine.certname in self.addresses:
            networking["ip"] = self.addresses[machine.certname]
        return {**base, "networking": networking, **{name: names[name] for name in names if name in base}}  # old facts

    def _set(self, machine: Machine) -> dict[str, Any]:
        if self.given is not None:
            return dict(self.given)
        names = (f"facts/{machine.certname}.json", f"facts/{machine.role}.json", "debian13.json")
        for file in (self.repo / DIRECTORY / name for name in names):
            if file.exists():
                return read(file)
        raise FleetError(
            f"{machine.certname}: no facts: PuppetDB was not asked or does not know it, and there is none of"
            f" {', '.join(str(DIRECTORY / name) for name in names)} (--facts FILE names one elsewhere)"
        )

    def notes(self, machines: Sequence[Machine]) -> list[str]:
        """Say of which machines the facts are made up."""
        without = [machine.certname for machine in machines if machine.certname not in self.live]
        if not without:
            return []
        names = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
        some = f"{len(without)} node{'s' if len(without) > 1 else ''} ({names})"
        who = "all nodes" if len(without) == len(machines) else some
        source = DIRECTORY if self.given is None else "the file that was given"
        return [f"{who}: facts of {source}, not of PuppetDB"]


def read(file: Path) -> dict[str, Any]:
    """Read a fact set: a JSON object, as `facter --json` or `puppet facts show --render-as json` print it.

    Raises:
        FleetError: it is none, or can't be read.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FleetError(f"{file}: no fact set, a JSON object: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("values"), dict):
        found = found["values"]
    if not isinstance(found, dict):
        raise FleetError(f"{file}: no fact set, a JSON object")
    return found


def addresses(repo: Path) -> dict[str, str]:
    """Return the address of each box of the lab, by certname; none where there is no lab.yaml."""
    file = repo / "lab.yaml"
    return {box.certname: box.address for box in labfile.load(file).boxes} if file.exists() else {}
