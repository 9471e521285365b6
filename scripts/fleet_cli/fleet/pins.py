"""What git says: the version of each service on each node, from the files of Hiera in a checkout.

Puppet is not asked, so that it takes no time: which roles run services at all, the caller says.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from fleet_cli.fleet.nodes import Node
from fleet_cli.repository import fleet_data
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.trees import Directory

Versions = Mapping[str, str | None]
"""By service; empty if none is said, None if it hangs on facts of the node."""


def declared(repo: Path, nodes: Iterable[Node], roles: Collection[str]) -> dict[str, Versions]:
    """Return by certname the version of each service that the checkout has for the node.

    Args:
        repo: the control repository.
        nodes: the nodes that are meant.
        roles: those that run services; nodes of other roles have none.
    """
    lookup = fleet_data.lookup(Directory(repo))
    result: dict[str, Versions] = {}
    for node in nodes:
        if node.role in roles:
            gets = lookup.of(Machine(node.certname, node.role, node.tier))
            running = gets.running_on(node.certname)
            found = {name: str(spot.node.value) if spot else "" for name, spot in running.items()}
            result[node.certname] = {**found, **dict.fromkeys(gets.doubtful)}
    return result
