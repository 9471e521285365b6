"""Secrets of tiers: each stands where nodes of the tier read it whose key it is encrypted for."""

from collections.abc import Iterator, Mapping

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.validation.checked import Checked


def findings(data: FleetData, checked: Mapping[str, Checked]) -> Iterator[Finding]:
    """Values encrypted for a tier in files that no node of that tier reads: those that read them can't decrypt them."""
    for name, place in data.places.items():
        if not checked[name].encrypted:
            continue
        # Where no machine is listed, the path of the file may say it.
        readers = {tier for _, tier in data.groups_reading(name)} or {place.given("tier")} - {None}
        whose = " and ".join(f"'{tier}'" for tier in sorted(filter(None, readers)))
        for each in checked[name].encrypted:
            if not readers or each.tier in readers:
                continue
            message = f"a secret encrypted for tier '{each.tier}' in a file for {whose}, whose nodes can't decrypt it"
            mend = f"encrypt the value anew with the public key of {whose}"
            yield Finding(name, each.line, each.column, "other-tiers-secret", message, mend)
