"""What each command of flask-microservice(8) does."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from .command_line import parse
from .confining import confine
from .draining import declared_services, drain, undrain
from .errors import SwitchError, reason
from .lock import locked
from .removal import remove_service
from .service import Service, declared_names
from .status import observe
from .switching import Switch
from .table import table
from .together import switch_all


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    arguments = parse(argv)
    os.umask(0o022)  # an operator's may be stricter, and the services have to read what is made here
    try:
        if os.geteuid() != 0:
            raise SwitchError("only root can do that")
        return COMMANDS[arguments.command](arguments) or 0
    except (SwitchError, OSError) as error:
        names = [arguments.name] if isinstance(arguments.name, str) else arguments.name
        about = f"{names[0]}: " if len(names) == 1 else ""
        print(f"flask-microservice: {about}{reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("flask-microservice: interrupted; the next switch clears what is left", file=sys.stderr)
        return 130


def status(arguments: argparse.Namespace) -> None:
    """Show services."""
    statuses = observe(arguments.name, health=not arguments.no_health)
    print(json.dumps([asdict(each) for each in statuses]) if arguments.json else table(statuses))


def switch(arguments: argparse.Namespace) -> int:
    """Serve the declared releases."""
    services = [Service(name) for name in dict.fromkeys(arguments.name)]
    outcomes = switch_all(services, even_if_rolled_back=not arguments.unless_rolled_back)
    if arguments.json:
        statuses = observe(outcomes, health=True)
        print(json.dumps([{**asdict(status), **asdict(outcomes[status.name])} for status in statuses]))
    failed = 0
    for service in services:
        outcome = outcomes[service.name]
        if outcome.error is not None:
            print(f"flask-microservice: {service.name}: {outcome.error}", file=sys.stderr)
            failed = 1
        elif not arguments.json:
            _tell(service, outcome.changed)
    return failed


def rollback(arguments: argparse.Namespace) -> None:
    """Serve a kept release."""
    service = Service(arguments.name)
    with locked(service):
        Switch(service).back(arguments.release, at_once=arguments.now)
    if arguments.json:
        (now,) = observe([service.name], health=True)
        print(json.dumps(asdict(now)))
    else:
        _tell(service, changed=True)


def drain_services(arguments: argparse.Namespace) -> None:
    """Drain services."""
    drain(declared_services(arguments.name or declared_names()), arguments.wait)


def undrain_service(arguments: argparse.Namespace) -> None:
    """End the draining of a service."""
    undrain(Service(arguments.name))


def remove(arguments: argparse.Namespace) -> None:
    """Remove a service."""
    service = Service(arguments.name)
    if arguments.drain and service.serving().release:
        drain([service], arguments.drain)
    with locked(service):
        remove_service(service)


def tidy(arguments: argparse.Namespace) -> None:
    """Remove releases that have finished."""
    service = Service(arguments.name)
    if service.releases.exists():  # else it was removed meanwhile, with all of them
        with locked(service):
            Switch(service).recover()


def confine_service(arguments: argparse.Namespace) -> None:
    """Keep a service to the connections that it declares."""
    confine(Service(arguments.name))


def _tell(service: Service, changed: bool) -> None:
    print(f"{service.name}: {service.serving().release} {'serves now' if changed else 'serves already'}")


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "status": status,
    "switch": switch,
    "rollback": rollback,
    "drain": drain_services,
    "undrain": undrain_service,
    "remove": remove,
    "tidy": tidy,
    "confine": confine_service,
}
