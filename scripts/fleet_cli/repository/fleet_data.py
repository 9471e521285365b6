"""All of Hiera together: which files each group of machines reads, in which order.

This is the model of what a control repository says: `fleet validate` makes it of the files that it keeps between runs,
all others read it with `read`. What is declared in it is in declared.py, what one machine gets in machine_data.py.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fleet_cli.repository import layers, yaml_reader
from fleet_cli.repository.documents import Document, mapping
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import Layers, Place
from fleet_cli.repository.machine_data import Lookup
from fleet_cli.repository.services import SERVICES, entries
from fleet_cli.repository.trees import Tree

SUFFIXES = (".yaml", ".yml", ".eyaml")

Group = tuple[str, str]
"""Role and tier."""


@dataclass
class FleetData:
    """The files of Hiera with their layers, and the machines.

    Attributes:
        layers: hiera.yaml.
        documents: by path below the repository.
        machines: all of them; none where the repository has no list.
    """

    layers: Layers
    documents: Mapping[str, Document]
    machines: list[Machine]

    @cached_property
    def lookup(self) -> Lookup:
        """What each machine gets; what hangs on facts is not in it."""
        return Lookup(self.layers, self.documents, self._all_places)

    @cached_property
    def wide_lookup(self) -> Lookup:
        """What each machine gets, if it reads all files that it may read: for who asks whether something is missing."""
        return Lookup(self.layers, self.documents, self._all_places, widely=True)

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """The place of each file that a layer reads."""
        found = {name: layers.highest(name, places) for name, places in self._all_places.items()}
        return {name: place for name, place in found.items() if place is not None}

    @cached_property
    def _all_places(self) -> Mapping[str, Sequence[Place]]:
        return {name: list(self.layers.places(name)) for name in self.documents}

    @cached_property
    def tiers(self) -> list[str]:
        """The tiers of which a file of Hiera says something; none where there is no layer of tiers."""
        found = {place.given("tier") for place in self.places.values() if len(place.needs) == 1}
        return sorted(tier for tier in found if tier)

    @cached_property
    def declared(self) -> set[str]:
        """The names of all services that any file declares with a port or a socket."""
        return {
            service
            for name in self.places
            for service, pair in entries(self.documents[name], SERVICES)
            if {"port", "socket"} & mapping(pair.node).keys()
        }

    @cached_property
    def broken(self) -> list[str]:
        """The files that could not be read or parsed: what they say is not known."""
        return [name for name, document in self.documents.items() if document.broken]

    @cached_property
    def groups(self) -> Mapping[Group, list[Machine]]:
        """The machines by role and tier."""
        result: dict[Group, list[Machine]] = {}
        for machine in self.machines:
            result.setdefault(machine.group, []).append(machine)
        return result

    @cached_property
    def shared(self) -> Mapping[Group, list[str]]:
        """The files that all machines of a group read, highest first; those of one machine alone left out."""
        general = [name for name, place in self.places.items() if place.given("certname") is None]
        general.sort(key=self.rank)
        return {
            group: [name for name in general if self.places[name].read_for(machines[0])]
            for group, machines in self.groups.items()
        }

    @cached_property
    def own(self) -> Mapping[str, list[str]]:
        """The files that one machine alone reads, by certname."""
        result: dict[str, list[str]] = {}
        for name, place in self.places.items():
            if (certname := place.given("certname")) is not None:
                result.setdefault(certname, []).append(name)
        return result

    def rank(self, name: str) -> tuple[int, str]:
        """What files are ordered by: the highest has the least."""
        return self._ranks[name]

    @cached_property
    def _ranks(self) -> Mapping[str, tuple[int, str]]:
        return {name: (place.level, layers.order_of(name)) for name, place in self.places.items()}

    def concerns(self, name: str, tier: str) -> bool:
        """Whether a file may be read for a machine of a tier; of one that is not among the machines anything may be."""
        for place in self.layers.places(name):
            machine = self._by_certname.get(place.given("certname") or "")
            if place.given("tier") in (None, tier) and (machine is None or machine.tier == tier):
                return True
        return False

    @cached_property
    def _by_certname(self) -> Mapping[str, Machine]:
        return {machine.certname: machine for machine in self.machines}

    def groups_reading(self, name: str) -> Iterator[Group]:
        """The groups of which a machine reads a file."""
        place = self.places[name]
        certname = place.given("certname")
        if certname is not None:
            if machine := self._by_certname.get(certname):
                yield machine.group
            return
        for group, machines in self.groups.items():
            if place.read_for(machines[0]):
                yield group

    def with_key(self, key: str) -> list[str]:
        """The files that say something of a key."""
        return [name for name in self.places if key in self.documents[name].top]


def layers_of(tree: Tree) -> Layers:
    """Read hiera.yaml of a state of the repository; what is wrong with it is in the findings."""
    return layers.of(_document(tree, layers.NAME, ""))


def names(hiera: Layers, tree: Tree) -> list[str]:
    """The files of Hiera: all YAML in its directories, and whatever else a layer reads."""
    there = {name: None for datadir in hiera.datadirs for name in tree.below(datadir)}
    return [name for name in there if name.endswith(SUFFIXES) or hiera.place(name)]


def read(tree: Tree, machines: Iterable[Machine] = (), *, mentioning: str = "") -> FleetData:
    """Read what a state of the repository says.

    Args:
        tree: the state.
        machines: those of the fleet, where it matters.
        mentioning: only the files in which this text stands; the others say nothing of what is asked.
    """
    hiera = layers_of(tree)
    documents = {name: _document(tree, name, mentioning) for name in names(hiera, tree)}
    return FleetData(hiera, {name: one for name, one in documents.items() if one is not _SILENT}, list(machines))


def lookup(tree: Tree) -> Lookup:
    """Return what a state of the repository gives to machines. Files of machines that nobody asks for are not read."""
    hiera = layers_of(tree)
    return FleetData(hiera, _WhenAsked(tree, names(hiera, tree)), []).lookup


class _WhenAsked(Mapping[str, Document]):
    """Files that are read when they are asked for."""

    def __init__(self, tree: Tree, names: Iterable[str]) -> None:
        self._tree = tree
        self._read: dict[str, Document | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Document:
        document = self._read[name]
        if document is None:
            document = self._read[name] = _document(self._tree, name, "")
        return document

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


_SILENT = Document({}, [])


def _document(tree: Tree, name: str, mentioning: str) -> Document:
    try:
        content = tree.read(name)
    except OSError as error:
        return yaml_reader.not_opened(name, error)
    return yaml_reader.parse(content, name) if mentioning.encode() in content else _SILENT
