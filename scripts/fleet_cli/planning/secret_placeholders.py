"""Placeholders for secrets that the repository does not have.

A control repository may leave hieradata/secrets/ to its server (this one does: see docs/secrets.md). Without it no
catalog would compile, so a tier that has no file there gets one in which each secret that services declare has its own
name as its value. A tier that has a file gets nothing: what is missing there is missing in production, too.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import declared, fleet_data, secrets
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.services import SERVICES
from fleet_cli.repository.trees import Directory

_HEAD = "# Written by `fleet plan`: names in the place of secrets.\n"


def write(environment: Path, machines: Iterable[Machine]) -> None:
    """Write the files that an environment lacks, one for each tier of its machines."""
    said = fleet_data.read(Directory(environment), machines, mentioning=SERVICES)
    for tier in sorted({machine.tier for machine in said.machines}):
        file = environment / secrets.file(tier)
        if file.exists():
            continue
        data: secrets.Data = {}
        for service, its in _declared(said, tier).items():
            for section, keys in its.items():
                named = {key: f"secret:{'.'.join(filter(None, (service, section, key)))}" for key in keys}
                secrets.values_of(data, service, section).update(named)
        if data:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_HEAD + yaml.safe_dump(data), encoding="utf-8")


def _declared(said: FleetData, tier: str) -> declared.Secrets:
    try:
        return declared.secrets(said, tier)
    except FleetError:
        return {}  # a compilation that reads the file says what is wrong with it


def written(environment: Path, tiers: Iterable[str]) -> dict[str, str]:
    """Return the digest of each file that was written, by its path."""
    found = {}
    for path in map(secrets.file, tiers):
        file = environment / path
        if file.exists() and (content := file.read_bytes()).startswith(_HEAD.encode()):
            found[path] = hashlib.sha256(content).hexdigest()
    return found


def notes(files: Mapping[str, str]) -> Iterable[str]:
    """Say what stands in for something."""
    if files:
        yield f"no {', '.join(files)} in the repository: declared secrets stand as their names"
