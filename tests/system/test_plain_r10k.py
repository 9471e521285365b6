"""A server without deploys of ours, with branches as environments, compiles the same catalogs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet_cli.repository.labfile import Lab
from fleet_cli.roots import forge

from ..catalog.catalogs import Catalog, Node, compile_nodes
from .deploys.server import Server


def resources(catalog: Catalog) -> Mapping[str, Mapping[str, Any]]:
    return {resource.reference: resource.parameters for resource in catalog}


def test_plain_r10k_makes_the_same_catalogs(tmp_path: Path, deployed: Path, eyaml_keys: Path, lab: Lab) -> None:
    """Who has a server of their own would have other nodes than those that are tested."""
    with forge.serving() as url:
        server = Server(tmp_path / "server", url, files=deployed)
        server.ok("production")
    checkout = server.directory / "state/checkouts/production"  # as r10k leaves it, and nothing else
    nodes = [Node(box.certname, box.role, box.tier) for box in (lab.server, *lab.nodes)]
    sealed = [resources(catalog) for catalog in compile_nodes(nodes, server.sealed(server.given), eyaml_keys)]
    plain = [resources(catalog) for catalog in compile_nodes(nodes, checkout, eyaml_keys)]
    assert sealed == plain
    assert all(len(catalog) > 30 for catalog in plain)
