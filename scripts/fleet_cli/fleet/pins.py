"""What git says: the version of each service on each node, from the files of Hiera in a checkout.

Only this file of the package knows how they are read. Puppet is not asked, so that it takes no time: which roles run
services at all, the caller says.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from fleet_cli.fleet.nodes import Node
from fleet_cli.repository import fleet_data, layers, placed, services, yaml_reader
from fleet_cli.repository.documents import Document
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.trees import Directory

Versions = Mapping[str, str]
"""By service."""
Files = list[tuple[str, Document]]


def declared(repo: Path, nodes: Iterable[Node], roles: Collection[str]) -> dict[str, Versions]:
    """Return by certname the version of each service that the checkout has for the node.

    Args:
        repo: the control repository.
        nodes: the nodes that are meant.
        roles: those that run services; nodes of other roles have none.
    """
    hiera = layers.load(repo)
    names = fleet_data.names(hiera, Directory(repo))
    places = {name: place for name in names if (place := hiera.place(name)) is not None}
    general = [name for name, place in places.items() if place.given("certname") is None]
    own: dict[str, list[str]] = {}
    for name, place in places.items():
        if (certname := place.given("certname")) is not None:
            own.setdefault(certname, []).append(name)

    @cache
    def document(name: str) -> Document:
        return yaml_reader.read(repo / name, name)

    def read(machine: Machine, names: Iterable[str]) -> Files:
        files = sorted((places[name].level, name) for name in names if places[name].read_for(machine))
        return [(name, document(name)) for _, name in files]

    @cache
    def of_group(role: str, tier: str) -> "_Group":
        return _Group(read(Machine("", role, tier), general))

    return {
        node.certname: _versions(node, of_group(node.role, node.tier), own.get(node.certname, []), read)
        for node in nodes
        if node.role in roles
    }


class _Group:
    """What all nodes of a role and tier read, put together once."""

    def __init__(self, files: Files) -> None:
        self.names = [name for name, _ in files]
        self.said = services.declarations(files)
        self.services = {name: services.merged(name, its) for name, its in self.said.items()}
        self.groups = placed.groups(files)
        self.pins = services.versions(files)


def _versions(
    node: Node, group: _Group, own: list[str], read: Callable[[Machine, Iterable[str]], Files]
) -> dict[str, str]:
    if own:
        group = _Group(read(Machine(node.certname, node.role, node.tier), [*own, *group.names]))
    places = placed.place(group.services, group.groups, [node.certname])
    found = {}
    for name, service in group.services.items():
        spot = services.version_of(service, group.pins)
        if service.present and not places.nowhere(name) and {"port", "socket"} & service.fields.keys():
            found[name] = str(spot.node.value) if spot else ""
    return found
