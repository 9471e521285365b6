"""Where a control repository declares a service, found without reading all of Hiera."""

from pathlib import Path

from fleet_cli.repository import layers, yaml_reader
from fleet_cli.repository.documents import mapping
from fleet_cli.repository.services import SERVICES, entries
from fleet_cli.repository.trees import below


def where(repo: Path, service: str) -> str:
    """Return `FILE:LINE` of a service's declaration, the file below the repository; empty if it has none.

    A file counts if it gives the service its port or socket: others add to a declaration that is elsewhere.
    """
    for datadir in layers.load(repo).datadirs:
        for name in below(repo, datadir):
            if service.encode() not in (repo / name).read_bytes():
                continue
            for declared, pair in entries(yaml_reader.read(repo / name, name), SERVICES):
                if declared == service and {"port", "socket"} & mapping(pair.node).keys():
                    return f"{name}:{pair.line}"
    return ""
