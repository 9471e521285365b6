"""Databases of services, and data that they keep in a file."""

from collections.abc import Iterator

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.services import Service
from fleet_cli.validation.running import Running, at


def findings(here: Running) -> Iterator[Finding]:
    """Databases that are nowhere or said twice, and data in a file on each of several nodes."""
    for service in here.to_look_at:
        yield from _database(here, service)
        yield from _data(here, service)


def _database(here: Running, service: Service) -> Iterator[Finding]:
    if not service.text("database"):
        return
    spot = service.fields["database"]
    if not here.has_database:
        message = f"service '{service.name}' wants a database, and none is declared in the {here.where}"
        yield at(spot, "no-database", message, "say in flask_microservice::database where it is")
    if ("database", "url") in service.config:
        message = f"'{service.name}' wants a database, of which the url follows, and has a url as well"
        yield at(service.config["database", "url"], "database-twice", message, "drop one of them", related=[spot])


def _data(here: Running, service: Service) -> Iterator[Finding]:
    """A service that runs on all nodes has always had its data on each; who names nodes thinks of where data is."""
    machines = here.of_tier.of(service.name)
    if not service.nodes or not service.keeps_data_in_file or service.text("data") or len(machines) < 2:
        return
    where = f"{len(machines)} machines of the {here.where}"
    message = f"service '{service.name}' keeps its data in a file, and runs on {where}"
    mend = "say 'data: per_node' if each is to have its own, or 'database: postgresql'"
    yield at(service.nodes[0], "data-per-node", message, mend, related=[service.home])
