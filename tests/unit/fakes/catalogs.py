"""Catalogs as Puppet writes them, in few words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet_cli.planning import environment
from fleet_cli.planning.catalog import Catalog
from fleet_cli.planning.environment import Environment


def catalog(resources: Mapping[str, Mapping[str, Any]], edges: list[tuple[str, str]] | None = None) -> Catalog:
    """A catalog with these resources, by reference; `sensitive` among the parameters names those that are secret."""
    entries = []
    for reference, parameters in resources.items():
        kind, _, title = reference.removesuffix("]").partition("[")
        own = {name: value for name, value in parameters.items() if name != "sensitive"}
        secret = parameters.get("sensitive", [])
        entries.append({"type": kind, "title": title, "parameters": own, "sensitive_parameters": secret})
    return Catalog({"resources": entries, "edges": edges or []})


def laid_out(root: Path, files: Mapping[str, bytes], name: str = "env") -> Environment:
    """An environment with these files; `root` stands for environment.ENVIRONMENTS, which the caller has set to it."""
    assert root == environment.ENVIRONMENTS
    found = Environment(name, name, {path: str(hash(content)) for path, content in files.items()}, None, ())
    for path, content in files.items():
        (found.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (found.directory / path).write_bytes(content)
    return found
