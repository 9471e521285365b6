"""What a control repository declares, whichever machines get it: where services are, their packages, their secrets."""

from collections.abc import Iterator, Mapping

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.documents import Document, Node, Pair, mapping
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.services import SERVICES, entries

Secrets = dict[str, dict[str, list[str]]]
"""`{service: {section: [keys]}}`; secret environment variables are in the section ENVIRONMENT."""
ENVIRONMENT = ""
"""No section of a config has this name."""


def where(data: FleetData, service: str) -> str:
    """Return `FILE:LINE` of a service's declaration, the file below the repository; empty if it has none.

    A file counts if it gives the service its port or socket: others add to a declaration that is elsewhere.
    """
    for name in sorted(data.places):
        for declared, pair in entries(data.documents[name], SERVICES):
            if declared == service and {"port", "socket"} & mapping(pair.node).keys():
                return f"{name}:{pair.line}"
    return ""


def packages(data: FleetData) -> set[str]:
    """Return the packages that machines may install for declared services."""
    said: dict[str, set[str]] = {}
    for name in data.places:
        for service, pair in entries(data.documents[name], SERVICES):
            package = mapping(pair.node).get("package")
            said.setdefault(service, set()).update([str(package.node.value)] if package else [])
    return {package for service, its in said.items() for package in its or {service}}


def secrets(data: FleetData, tier: str) -> Secrets:
    """Return the secrets that the services of a tier's machines need, whichever layer declares them.

    These are the secrets of config and environment that are declared, and the passwords of databases. What only some
    machines of the tier get counts, and what a machine gets that is in no list.

    Raises:
        FleetError: a file that may be read for such a machine can't be read, or is not what it should be.
    """
    if not data.layers.locations and data.layers.findings:
        raise FleetError(str(data.layers.findings[0]))
    result: Secrets = {}
    for name, document in data.documents.items():
        if not data.concerns(name, tier):
            continue
        if document.broken:
            raise FleetError(str(document.findings[0]))
        for service, section, key in _needed(name, document):
            known = result.setdefault(service, {}).setdefault(section, [])
            if key not in known:
                known.append(key)
    return result


def _needed(file: str, document: Document) -> Iterator[tuple[str, str, str]]:
    """The secrets that a file declares, by service, section and key."""
    top = document.top.get(SERVICES)
    for service, declaration in _hash(file, top, SERVICES).items():
        said = _hash(file, declaration, service)
        for section, keys in _hash(file, said.get("secrets"), f"secrets of {service}").items():
            for key in _list(file, keys, f"secrets of {service}: {section}"):
                yield service, section, str(key.value)
        for variable in _list(file, said.get("secret_environment"), f"secret_environment of {service}"):
            yield service, ENVIRONMENT, str(variable.value)
        if "database" in said and said["database"].node.value:
            yield service, "database", "password"


def _hash(file: str, pair: Pair | None, what: str) -> Mapping[str, Pair]:
    if pair is None or pair.node.value is None:
        return {}
    if not isinstance(pair.node.value, dict):
        raise FleetError(f"{file}:{pair.line}: {what}: a hash is expected here")
    return mapping(pair.node)


def _list(file: str, pair: Pair | None, what: str) -> list[Node]:
    if pair is None or pair.node.value is None:
        return []
    if not isinstance(pair.node.value, list):
        raise FleetError(f"{file}:{pair.line}: {what}: a list is expected here")
    return pair.node.value
