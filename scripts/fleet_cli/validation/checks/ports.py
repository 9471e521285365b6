"""Ports and sockets: each service has one of its own."""

from collections.abc import Iterator

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.services import Service
from fleet_cli.validation.checks import service_names
from fleet_cli.validation.running import Running, at


def findings(here: Running) -> Iterator[Finding]:
    """Services without a port or socket, with both, or with that of another one."""
    for service in here.to_look_at:
        yield from _listening(here, service)
    yield from _shared(here, "port", "shared-port")
    yield from _shared(here, "socket", "shared-socket")


def _listening(here: Running, service: Service) -> Iterator[Finding]:
    given = [service.fields[part] for part in ("port", "socket") if part in service.fields]
    if len(given) == 2:
        message = f"service '{service.name}' has both a port and a socket"
        yield at(given[1], "port-and-socket", message, "drop one of them", related=given)
    if not given and not service_names.misspelt(here, service):
        message = f"service '{service.name}' has neither a port nor a socket"
        yield at(service.home, "no-port", message, f"add port: {here.free_port()}")


def _shared(here: Running, part: str, code: str) -> Iterator[Finding]:
    for value, sharing in here.sharing(part).items():
        spots = [(service.fields[part], service.name) for service in sharing]
        ordered = sorted(spots, key=lambda each: (each[0].file in here.specific, each))
        for number, (spot, name) in enumerate(ordered):
            beside = [each for each in ordered[:number] if here.placed.meet([each[1], name])]
            if not beside:
                continue
            first, first_name = beside[0]
            message = f"services '{first_name}' and '{name}' share {part} {value} ({first.file}:{first.line})"
            free = f"{here.free_port()} is free" if part == "port" else "give it its own"
            yield at(spot, code, message, free, related=[first])
