"""Which files of Hiera each machine reads: those that all of a role and tier share, and those of one machine."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from fleet_cli.repository.documents import Document
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import UNKNOWN, Layers, Place, order_of

Found = tuple[str, Place]
"""A file, and one of its places."""


class Reading(NamedTuple):
    """That a machine reads a file. Readings sort as Hiera has them, the highest first.

    Attributes:
        source: the layer and the file in it; one for all files that Hiera takes for one.
        order: the place of the file among those of its source.
        name: the path of the file.
        certain: whether it is certain, or only possible: what the path is made of may not be known here.
        document: what the file says.
    """

    source: tuple[int, str]
    order: str
    name: str
    certain: bool
    document: Document


class Readings:
    """What the machines of a fleet read; some files more than once, since several layers may have them."""

    def __init__(
        self, layers: Layers, documents: Mapping[str, Document], places: Mapping[str, Iterable[Place]]
    ) -> None:
        """See class.

        Args:
            layers, documents: hiera.yaml, and the files by path.
            places: all places of each file.
        """
        self._locations = layers.locations
        self._documents = documents
        self._of_groups: list[Found] = []
        self._of_machines: dict[str, list[Found]] = {}
        for name, found in places.items():
            for place in found:
                if self._locations[place.level].of_one_machine:
                    self._of_machines.setdefault(place.given("certname") or UNKNOWN, []).append((name, place))
                else:
                    self._of_groups.append((name, place))

    def shared(self, role: str, tier: str) -> list[Reading]:
        """What all machines of a role and tier read, whatever their certnames are."""
        return sorted(self._of(Machine("", role, tier), self._of_groups))

    def own(self, machine: Machine) -> list[Reading]:
        """What a machine reads because of its certname."""
        found = self._of_machines
        return sorted(self._of(machine, [*found.get(machine.certname, ()), *found.get(UNKNOWN, ())]))

    def _of(self, machine: Machine, found: Iterable[Found]) -> Iterator[Reading]:
        """Those of the files that a machine reads."""
        exact: dict[int, tuple[re.Pattern[str], bool]] = {}
        for name, place in found:
            location = self._locations[place.level]
            if place.certain:
                reads, certain = place.read_for(machine), True
            else:
                if place.level not in exact:
                    exact[place.level] = location.of_machine(machine)
                pattern, certain = exact[place.level]
                reads = pattern.fullmatch(name) is not None
            if reads:
                order = order_of(name)
                source = place.level, "" if location.files else order
                yield Reading(source, order, name, certain, self._documents[name])
