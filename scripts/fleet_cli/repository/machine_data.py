"""What a machine gets of all that the control repository says: its services, their versions, the values of secrets.

All is merged as Hiera merges it for the class flask_microservice; a test compares it with Puppet's own lookups. What
all machines of a role and tier get is put together once, so a thousand nodes take little longer than one.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence, Set
from functools import cached_property
from typing import Any, TypeVar

from fleet_cli.repository import merging, placed, services
from fleet_cli.repository.documents import Document, Node, items, mapping
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import Layers, Place
from fleet_cli.repository.merging import OPTIONS_KEY, Merges
from fleet_cli.repository.placed import EXTERNAL, GATEWAYS, GROUPS, Gateway
from fleet_cli.repository.readings import Reading, Readings
from fleet_cli.repository.services import (
    SECRET_ENVIRONMENT,
    SECRETS,
    SERVICES,
    VERSIONS,
    Entries,
    Said,
    Service,
    Spot,
)

OF_THE_MODULE = {
    SERVICES: "deep", GROUPS: "deep", GATEWAYS: "deep", EXTERNAL: "deep", VERSIONS: "hash", SECRETS: "deep",
    SECRET_ENVIRONMENT: "deep",
}  # fmt: skip
"""How flask_microservice says that its keys are merged, where a repository says nothing else."""

Part = TypeVar("Part")


class MachineData:
    """What a machine gets, or what all machines of a role and tier get. Each part is put together when asked for.

    Attributes:
        own: the files that a machine reads because of its certname.
    """

    def __init__(
        self,
        own: Sequence[Reading],
        possible: Sequence[Reading],
        group: "MachineData | None" = None,
        opaque: Iterable[str] = (),
    ) -> None:
        """See Lookup.

        Args:
            own: the files that count, highest first; where there is a group, only those that it does not have.
            possible: files that may be read besides.
            group: what all machines of its role and tier get.
            opaque: where there is no group, the layers that can't be read.
        """
        self.own = own
        self._opaque = opaque
        self._possible: list[Reading] = [*possible, *(group._possible if group else ())]
        self._others = group
        self._own_keys = {key for one in own for key in one.document.top}
        # Options of its own may make all of it other than what the group gets.
        self._group = None if OPTIONS_KEY in self._own_keys else group
        self._parts: dict[str, Any] = {}
        self._own_entries: dict[str, dict[str, list[Said]]] = {}
        self._entries: dict[str, dict[str, list[Said]]] = {}

    @property
    def unknown(self) -> Sequence[str]:
        """The layers and files that it may read besides, or that can't be read; what they say does not count."""
        lower = self._others.unknown if self._others else self._opaque
        files = [*self._possible, *(one for one in self.own if one.document.broken)]
        return list(dict.fromkeys([*lower, *(one.name for one in files)]))

    @cached_property
    def _readings(self) -> Sequence[Reading]:
        """All files that count, highest first."""
        return sorted([*self.own, *self._others._readings]) if self._others else self.own

    @property
    def services(self) -> MutableMapping[str, Service]:
        """The services by name, those too that are absent or run on other machines."""
        return self._part(SERVICES, self._service)

    @property
    def pins(self) -> MutableMapping[str, Spot]:
        """Where a version is said, by service or package."""
        return self._part(VERSIONS, services.pin)

    @property
    def secrets(self) -> MutableMapping[str, dict[tuple[str, str], Spot]]:
        """Where a secret has its value, by service, then by section and key."""
        return self._part(SECRETS, services.secret_values)

    @property
    def variables(self) -> MutableMapping[str, dict[str, Spot]]:
        """Where a secret environment variable has its value, by service, then by name."""
        return self._part(SECRET_ENVIRONMENT, services.secret_variables)

    @property
    def groups(self) -> MutableMapping[str, list[str]]:
        """The groups of nodes, each with its certnames and patterns."""
        return self._part(GROUPS, placed.group)

    @property
    def gateways(self) -> MutableMapping[str, Gateway]:
        """The balancers that services ask others through."""
        return self._part(GATEWAYS, placed.gateway)

    @property
    def external(self) -> Set[str]:
        """The names of services that are asked, and that Hiera does not run."""
        return self.entries(EXTERNAL).keys()

    @property
    def own_services(self) -> dict[str, Service]:
        """Those of `services` that are not just as all machines of the role and tier have them."""
        return self._own_part(SERVICES, self._service)

    @cached_property
    def limited(self) -> dict[str, Service]:
        """The services that name nodes: all others run on all machines."""
        own, group = self.own_services, self._below(SERVICES)
        found = {name: service for name, service in own.items() if service.nodes}
        if group and (others := group.limited):
            found |= {name: service for name, service in others.items() if name not in own}
        return found

    @cached_property
    def versions(self) -> dict[str, Spot | None]:
        """Where the version of each service is said that is to run, wherever that is; None if it is said nowhere."""
        if self._group and not self.has_own(SERVICES, VERSIONS):
            return self._group.versions
        pins = self.pins
        return {
            name: services.version_of(service, pins)
            for name, service in self.services.items()
            if service.present and service.listens
        }

    @cached_property
    def merges(self) -> Merges:
        """How keys are merged."""
        if self._group:
            return self._group.merges
        said = merging.of_options(
            {key: [one.pair.node for one in its] for key, its in self._changed(OPTIONS_KEY).items()}
        )
        return Merges({**OF_THE_MODULE, **said.exact}, said.patterns)

    def running_on(self, certname: str) -> dict[str, Spot | None]:
        """Those of `versions` that are placed on a machine."""
        places = placed.place(self.limited, self.groups, [certname])
        return {name: spot for name, spot in self.versions.items() if not places.nowhere(name)}

    @cached_property
    def doubtful(self) -> Set[str]:
        """The names of services whose declaration, version or place hangs on a file that may be read besides."""
        if self._group and len(self._possible) == len(self._group._possible):
            return self._group.doubtful
        found = {name for key in (SERVICES, VERSIONS) for name in _said(self._possible, key)}
        found |= {name for name, service in self.services.items() if service.package in found}
        if _have(self._possible, GROUPS):
            found |= self.limited.keys()
        return found | self.services.keys() if _have(self._possible, OPTIONS_KEY) else found

    def has(self, key: str) -> bool:
        """Whether any file that is read says something of a key."""
        return key in self._own_keys or (self._others is not None and self._others.has(key))

    def has_own(self, *keys: str) -> bool:
        """Whether a file that is read because of the certname says something of one of these keys."""
        return self._others is not None and not self._own_keys.isdisjoint(keys)

    def replaces(self, key: str) -> bool:
        """Whether what the group gets of a key does not count for this machine, or is merged in another way."""
        return self._others is not None and self._below(key) is None

    def listed(self, key: str) -> list[Node]:
        """The elements of a key that is a list: of the highest file that has it, or of all, as they are merged."""
        files = [one.document for one in self._readings if key in one.document.top]
        every = self.merges.strategy(key) in ("unique", "deep")
        return [item for document in files[: None if every else 1] for item in items(document.top[key].node)]

    def highest(self, key: str) -> Spot | None:
        """What the highest file that has a key says of it."""
        for one in self._readings:
            if said := one.document.top.get(key):
                return Spot(one.name, said.line, said.column, said.node)
        return None

    def own_entries(self, key: str) -> Mapping[str, list[Said]]:
        """What files that are read because of the certname say of each entry of a key."""
        if key not in self._own_keys:
            return {}
        if key not in self._own_entries:
            self._own_entries[key] = _said(self.own, key)
        return self._own_entries[key]

    def entries(self, key: str) -> Entries:
        """What counts of each entry of a key that is a hash."""
        if self._group and key not in self._own_keys:
            return self._group.entries(key)
        own, group = self._changed(key), self._below(key)
        return ChainMap(own, group.entries(key)) if group else own

    def _part(self, key: str, make: Callable[[str, list[Said]], Part]) -> MutableMapping[str, Part]:
        """What is made of each entry of a key; of thousands of machines none has a copy of what its group has."""
        if self._group and key not in self._own_keys:
            return self._group._part(key, make)
        own, group = self._own_part(key, make), self._below(key)
        return ChainMap(own, group._part(key, make)) if group else own

    def _own_part(self, key: str, make: Callable[[str, list[Said]], Part]) -> dict[str, Part]:
        """What is made of the entries that are not just as the group has them."""
        found: dict[str, Part] | None = self._parts.get(key)
        if found is None:
            found = self._parts[key] = {name: make(name, said) for name, said in self._changed(key).items()}
        return found

    def _service(self, name: str, said: list[Said]) -> Service:
        """Merge what files say of a service; what all machines of the group read of it is merged once."""
        rest = self._group.entries(SERVICES).get(name) if self._group else None
        if self._group is None or not rest or said[-len(rest) :] != rest:
            return services.merged(name, said)
        return services.over(services.merged(name, said[: -len(rest)]), self._group.services[name])

    def _below(self, key: str) -> "MachineData | None":
        """Whose entries count where the machine has none of its own; None if its own are all."""
        alone = self._group is None or (key in self._own_keys and self._levels(key) == 0)
        return None if alone else self._group

    def _levels(self, key: str) -> int:
        return 1 if key == OPTIONS_KEY else self.merges.levels(key)

    def _changed(self, key: str) -> dict[str, list[Said]]:
        """What counts of the entries that are not just as the group has them."""
        if key not in self._entries:
            self._entries[key] = self._merged(key)
        return self._entries[key]

    def _merged(self, key: str) -> dict[str, list[Said]]:
        levels = self._levels(key)
        if group := self._below(key):
            rest = group.entries(key) if self.has_own(key) else {}
            said = {name: sorted([*its, *rest.get(name, ())]) for name, its in self.own_entries(key).items()}
        elif levels == 0:
            said = _said(_of_first_source(self._readings, key), key)
        else:
            said = _said(self._readings, key)
        if levels == 1:
            said = {name: [one for one in its if one.source == its[0].source] for name, its in said.items()}
        return said


class Lookup:
    """What Hiera gives to each machine."""

    def __init__(
        self,
        layers: Layers,
        documents: Mapping[str, Document],
        places: Mapping[str, Sequence[Place]],
        *,
        widely: bool = False,
    ) -> None:
        """See class.

        Args:
            layers, documents: hiera.yaml, and the files by path.
            places: all places of each file.
            widely: whether what a machine may read counts as if it did; else it does not count at all.
        """
        self._readings = Readings(layers, documents, places)
        self._opaque = layers.opaque
        self._widely = widely
        self._groups: dict[tuple[str, str], MachineData] = {}

    def of_group(self, role: str, tier: str) -> MachineData:
        """Return what all machines of a role and tier get, without what one of them gets because of its certname."""
        if (role, tier) not in self._groups:
            certain, possible = self._divided(self._readings.shared(role, tier))
            self._groups[role, tier] = MachineData(certain, possible, opaque=self._opaque)
        return self._groups[role, tier]

    def of(self, machine: Machine) -> MachineData:
        """Return what a machine gets."""
        group = self.of_group(*machine.group)
        own = self._readings.own(machine)
        return MachineData(*self._divided(own), group) if own else group

    def _divided(self, readings: Sequence[Reading]) -> tuple[Sequence[Reading], Sequence[Reading]]:
        """What counts, and what only may be read."""
        if self._widely:
            return readings, ()
        return [one for one in readings if one.certain], [one for one in readings if not one.certain]


def _have(readings: Iterable[Reading], key: str) -> bool:
    return any(key in one.document.top for one in readings)


def _of_first_source(readings: Sequence[Reading], key: str) -> list[Reading]:
    """The files that are all there is of a key that is not merged."""
    first = next((one.source for one in readings if key in one.document.top), None)
    return [one for one in readings if one.source == first]


def _said(readings: Iterable[Reading], key: str) -> dict[str, list[Said]]:
    """What files say of each entry of a key, given the highest first."""
    result: dict[str, list[Said]] = {}
    for one in readings:
        if key in one.document.top:
            for name, pair in mapping(one.document.top[key].node).items():
                result.setdefault(name, []).append(Said(one.source, one.order, one.name, pair))
    return result
