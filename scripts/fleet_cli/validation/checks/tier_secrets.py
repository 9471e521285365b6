"""Secrets of tiers: each stands where nodes read it that have the key it is encrypted for."""

from collections.abc import Iterator, Mapping

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.validation.checked import Checked


def findings(data: FleetData, checked: Mapping[str, Checked]) -> Iterator[Finding]:
    """Encrypted values in files that are read only for nodes that can't decrypt them."""
    for name, place in data.places.items():
        if not checked[name].encrypted:
            continue
        # Where no machine is listed, the path of the file may say it.
        readers = {tier for _, tier in data.groups_reading(name)} or {place.given("tier")} - {None}
        whose = " and ".join(f"'{tier}'" for tier in sorted(filter(None, readers)))
        for each in checked[name].encrypted:
            if each.tier in readers or not readers or not (each.tier or data.layers.is_of_tiers(name)):
                continue
            key = f"tier '{each.tier}'" if each.tier else "the fleet"
            message = f"a secret encrypted for {key} in a file for {whose}, whose nodes can't decrypt it"
            mend = f"encrypt the value anew with the public key of {whose}"
            yield Finding(name, each.line, each.column, "wrong-eyaml-key", message, mend)
