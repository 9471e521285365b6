"""Which files of Hiera each machine reads: those that all of a role and tier share, and those of one machine."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from fleet_cli.repository.documents import Document
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import UNKNOWN, Layers, order_of

Found = tuple[str, Mapping[str, str]]
"""A file that some machine reads at a location, and what that must be."""


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

    def __init__(self, layers: Layers, documents: Mapping[str, Document]) -> None:
        self._layers = layers
        self._documents = documents
        self._of_groups: list[tuple[int, list[Found]]] = []
        self._of_machines: list[tuple[int, dict[str, list[Found]]]] = []
        for number, location in enumerate(layers.locations):
            found: list[Found] = [(name, needs) for name in documents if (needs := location.needs(name)) is not None]
            if not location.of_one_machine:
                self._of_groups.append((number, found))
                continue
            by_certname: dict[str, list[Found]] = {}
            for one in found:
                by_certname.setdefault(one[1].get("certname", UNKNOWN), []).append(one)
            self._of_machines.append((number, by_certname))

    def shared(self, role: str, tier: str) -> list[Reading]:
        """What all machines of a role and tier read, whatever their certnames are."""
        machine = Machine("", role, tier)
        return sorted(one for number, found in self._of_groups for one in self._at(number, found, machine))

    def own(self, machine: Machine) -> list[Reading]:
        """What a machine reads because of its certname."""
        return sorted(
            reading
            for number, found in self._of_machines
            for whose in (machine.certname, UNKNOWN)
            if whose in found
            for reading in self._at(number, found[whose], machine)
        )

    def _at(self, number: int, found: Iterable[Found], machine: Machine) -> Iterator[Reading]:
        location = self._layers.locations[number]
        exact = None
        for name, needs in found:
            certain = True
            if UNKNOWN in needs:
                pattern, certain = exact = exact or location.of_machine(machine)
                reads = pattern.fullmatch(name) is not None
            else:
                reads = all(getattr(machine, word) == value for word, value in needs.items())
            if reads:
                order = order_of(name)
                source = number, "" if location.files else order
                yield Reading(source, order, name, certain, self._documents[name])
