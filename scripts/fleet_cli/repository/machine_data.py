"""What a machine gets of all that the control repository says: its services, their versions, the values of secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleet_cli.repository import merging, services
from fleet_cli.repository.documents import Document, Pair
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import Reading
from fleet_cli.repository.merging import Merges
from fleet_cli.repository.services import SECRETS, SERVICES, VERSIONS, Service, Spot

OF_THE_MODULE = {SERVICES: "deep", VERSIONS: "hash", SECRETS: "deep"}
"""How flask_microservice says that its keys are merged, where a repository says nothing else."""

Group = list[tuple[str, Document]]
"""Files that Hiera takes for one: those of a directory, or a single one."""


@dataclass(frozen=True)
class MachineData:
    """What a machine gets.

    Attributes:
        services: by name, those that are absent too.
        pins: where a version is said, by service or package.
        secrets: where a secret has its value, by service, section and key.
        unknown: the files and layers that the machine may read besides, or that can't be read; what they say is not in
            the others.
    """

    services: Mapping[str, Service]
    pins: Mapping[str, Spot]
    secrets: Mapping[tuple[str, str, str], Spot]
    unknown: tuple[str, ...]


def of(data: FleetData, machine: Machine) -> MachineData:
    """Return what a machine gets."""
    readings = data.layers.readings(data.documents, machine)
    certain = [one for one in readings if one.certain and not data.documents[one.name].broken]
    files = [(one.name, data.documents[one.name]) for one in certain]
    said = merging.collect(document for _, document in files)
    merges = Merges({**OF_THE_MODULE, **said.exact}, said.patterns)
    groups = _groups(data, certain)
    return MachineData(
        {name: services.merged(name, its) for name, its in _declarations(groups, merges).items()},
        services.versions(file for group in _counting(groups, VERSIONS, merges) for file in group),
        services.secret_values(file for group in _counting(groups, SECRETS, merges) for file in group),
        tuple(dict.fromkeys([*data.layers.opaque, *(one.name for one in readings if one not in certain)])),
    )


def _groups(data: FleetData, readings: Iterable[Reading]) -> list[Group]:
    result: list[Group] = []
    level = -1
    for one in readings:
        if one.level != level or not data.layers.locations[one.level].files:
            result.append([])
        level = one.level
        result[-1].append((one.name, data.documents[one.name]))
    return result


def _counting(groups: list[Group], key: str, merges: Merges) -> list[Group]:
    """The files of which what they say of a key counts."""
    having = [group for group in groups if any(key in document.top for _, document in group)]
    return having if merges.levels(key) else having[:1]


def _declarations(groups: list[Group], merges: Merges) -> Mapping[str, list[tuple[str, Pair]]]:
    """What files say of each service, as far as it counts, the highest first."""
    result: dict[str, list[tuple[str, Pair]]] = {}
    for group in _counting(groups, SERVICES, merges):
        for name, said in services.declarations(group).items():
            if name not in result or merges.levels(SERVICES) > 1:
                result.setdefault(name, []).extend(said)
    return result
