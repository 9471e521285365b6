"""What each command of flask-microservice(8) does."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from .command_line import parse
from .draining import declared_services, drain, undrain
from .errors import SwitchError, reason
from .lock import locked
from .removal import remove_service
from .service import Service, declared_names
from .status import observe
from .switching import Switch
from .table import table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    arguments = parse(argv)
    os.umask(0o022)  # an operator's may be stricter, and the services have to read what is made here
    try:
        if os.geteuid() != 0:
            raise SwitchError("only root can do that")
        COMMANDS[arguments.command](arguments)
    except (SwitchError, OSError) as error:
        about = f"{arguments.name}: " if isinstance(arguments.name, str) else ""
        print(f"flask-microservice: {about}{reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("flask-microservice: interrupted; the next switch clears what is left", file=sys.stderr)
        return 130
    return 0


def status(arguments: argparse.Namespace) -> None:
    """Show services."""
    statuses = observe(arguments.name, health=not arguments.no_health)
    print(json.dumps([asdict(each) for each in statuses]) if arguments.json else table(statuses))


def switch(arguments: argparse.Namespace) -> None:
    """Serve the declared release."""
    service = Service(arguments.name)
    with locked(service):
        changed = Switch(service).to_declared(even_if_rolled_back=not arguments.unless_rolled_back)
    _report(service, arguments, changed)


def rollback(arguments: argparse.Namespace) -> None:
    """Serve a kept release."""
    service = Service(arguments.name)
    with locked(service):
        Switch(service).back(arguments.release)
    _report(service, arguments, changed=True)


def turn_away(arguments: argparse.Namespace) -> None:
    """Drain services."""
    drain(declared_services(arguments.name or declared_names()), arguments.wait)


def take_back(arguments: argparse.Namespace) -> None:
    """End the draining of a service."""
    undrain(Service(arguments.name))


def remove(arguments: argparse.Namespace) -> None:
    """Remove a service."""
    service = Service(arguments.name)
    if arguments.drain and service.serving().release:
        drain([service], arguments.drain)
    with locked(service):
        remove_service(service)


def _report(service: Service, arguments: argparse.Namespace, changed: bool) -> None:
    (now,) = observe([service.name], health=True)
    if arguments.json:
        print(json.dumps(asdict(now)))
    else:
        print(f"{service.name}: {now.release} {'serves now' if changed else 'serves already'}")


COMMANDS = {
    "status": status,
    "switch": switch,
    "rollback": rollback,
    "drain": turn_away,
    "undrain": take_back,
    "remove": remove,
}
