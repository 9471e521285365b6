"""The command line of flask-microservice."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from flask_microservice.draining import drain
from flask_microservice.errors import SwitchError
from flask_microservice.lock import locked
from flask_microservice.service import Service, declared_names
from flask_microservice.status import observe, print_table
from flask_microservice.switch import Switch


def command_line() -> argparse.ArgumentParser:
    """The program's arguments."""
    parser = argparse.ArgumentParser(
        prog="flask-microservice",
        description="Look at the Flask microservices of this node, and switch between their releases.",
        epilog="Exit status: 0 done; 1 it could not be done, and what served before still serves; 2 wrong usage.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, *, many: bool = False, named: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if named:
            command.add_argument("name", nargs="*" if many else None, metavar="NAME", help="the service")
        return command

    status = add("status", "show services: the release that serves, the declared one, those to go back to", many=True)
    status.add_argument("--no-health", action="store_true", help="do not ask for their health")
    switch = add("switch", "serve the declared release, if it proves that it can")
    switch.add_argument(
        "--unless-rolled-back", action="store_true", help="fail if the declared release was rolled back by an operator"
    )
    back = add("rollback", "serve a kept release again, with its config, until another one is declared")
    back.add_argument("release", nargs="?", default="", metavar="RELEASE", help="which; the last one if not given")
    away = add("drain", "answer health checks with 503 so that balancers send nothing new; go on serving", many=True)
    away.add_argument("--all", action="store_true", help="every service of this node")
    away.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="and wait before returning")
    add("undrain", "answer health checks as the service does")
    remove = add("remove", "stop a service and remove its releases and units; data, log and config stay")
    remove.add_argument("--drain", type=float, default=0.0, metavar="SECONDS", help="answer 503 so long before")
    for command in (status, switch, back):
        command.add_argument("--json", action="store_true", help="print JSON, for a machine")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line says."""
    if arguments.command == "status":
        show_status(arguments)
        return
    if os.geteuid() != 0:
        raise SwitchError("only root can do that")
    {"switch": serve, "rollback": serve, "drain": turn_away, "undrain": take_back, "remove": remove}[arguments.command](
        arguments
    )


def show_status(arguments: argparse.Namespace) -> None:
    """`status`."""
    statuses = observe(arguments.name, health=not arguments.no_health)
    if arguments.json:
        print(json.dumps([asdict(status) for status in statuses]))
    else:
        print_table(statuses)


def serve(arguments: argparse.Namespace) -> None:
    """`switch` and `rollback`."""
    service = Service(arguments.name)
    with locked(service):
        switch = Switch(service)
        if arguments.command == "switch":
            changed = switch.to_declared(even_if_rolled_back=not arguments.unless_rolled_back)
        else:
            switch.back(arguments.release)
            changed = True
    (status,) = observe([service.name], health=True)
    if arguments.json:
        print(json.dumps(asdict(status)))
    else:
        print(f"{service.name}: {status.release} {'serves now' if changed else 'serves already'}")


def turn_away(arguments: argparse.Namespace) -> None:
    """`drain`."""
    if bool(arguments.name) == arguments.all:
        raise SwitchError("name the services, or give --all")
    drain(arguments.name or declared_names(), arguments.wait)


def take_back(arguments: argparse.Namespace) -> None:
    """`undrain`."""
    Service(arguments.name).draining.unlink(missing_ok=True)


def remove(arguments: argparse.Namespace) -> None:
    """`remove`."""
    service = Service(arguments.name)
    if arguments.drain and service.serving().release:
        drain([service.name], arguments.drain)
    with locked(service):
        Switch(service).remove_service()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    arguments = command_line().parse_args(argv)
    try:
        run(arguments)
    except SwitchError as error:
        name = getattr(arguments, "name", None)
        print(f"flask-microservice: {f'{name}: ' if isinstance(name, str) else ''}{error}", file=sys.stderr)
        return 1
    return 0
