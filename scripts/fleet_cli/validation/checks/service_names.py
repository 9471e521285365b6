"""Names of services: each is that of one that is declared."""

from collections.abc import Iterator, Mapping

from fleet_cli.repository import placed, services
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.services import Service
from fleet_cli.validation.checked import Checked
from fleet_cli.validation.running import Running, at


def findings(data: FleetData, checked: Mapping[str, Checked]) -> Iterator[Finding]:
    """Names in any file of Hiera that no service has."""
    known = data.declared
    external = {one for name in data.places for one, _ in services.entries(data.documents[name], placed.EXTERNAL)}
    packages = {
        str(pair.node.value["package"].node.value)
        for name in data.places
        for _, pair in services.entries(data.documents[name], services.SERVICES)
        if isinstance(pair.node.value, dict) and "package" in pair.node.value
    }
    for name in data.places:
        for each in checked[name].names:
            top, *below = each.path
            if top == services.SERVICES and "upstreams" not in below:
                continue  # where it stands is its declaration, or it is a package
            if top == placed.EXTERNAL or ("upstreams" in below and each.name in external):
                continue
            if each.name not in known and not (top == services.VERSIONS and each.name in packages):
                suggestion = did_you_mean(each.name, known) or "declare it, or drop it here"
                message = f"'{each.name}' is no declared service"
                yield Finding(name, each.line, each.column, "unknown-service", message, suggestion)


def findings_of_declarations(here: Running) -> Iterator[Finding]:
    """Declarations without a port or socket under a name that is nearly another service's."""
    for service in here.to_look_at:
        near = misspelt(here, service)
        for spot in service.declared if near else ():
            yield at(spot, "unknown-service", f"'{service.name}' is no declared service", near)


def misspelt(here: Running, service: Service) -> str:
    """Which service a declaration without a port or socket is meant for, as a suggestion; empty if it is its own."""
    if service.listens:
        return ""
    known = {name for name, each in here.services.items() if each.listens}
    return did_you_mean(service.name, known)
