"""The arguments of flask-microservice(8)."""

import argparse
import math
from collections.abc import Sequence

EPILOG = "Exit status: 0 done; 1 it could not be done, and what served before still serves; 2 wrong usage."


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line says; ends the program, with exit status 2, if that makes no sense."""
    parser = command_line()
    arguments = parser.parse_args(argv)
    if arguments.command == "drain" and bool(arguments.name) == arguments.all:
        parser.error("drain: name the services, or give --all")
    return arguments


def command_line() -> argparse.ArgumentParser:
    """The program's arguments."""
    parser = argparse.ArgumentParser(
        prog="flask-microservice",
        description="Look at the Flask microservices of this node, and switch between their releases.",
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, *, names: str | None = None) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.add_argument("name", nargs=names, metavar="NAME", help="the service")
        return command

    status = add("status", "show services: the release that serves, the declared one, those to go back to", names="*")
    status.add_argument("--no-health", action="store_true", help="do not ask for their health")
    switch = add("switch", "serve the declared release, if it proves that it can; many services at once", names="+")
    switch.add_argument(
        "--unless-rolled-back", action="store_true", help="fail if an operator went back from the declared release"
    )
    back = add("rollback", "serve a kept release again, with its config; the one of before is refused from then on")
    back.add_argument(
        "release",
        nargs="?",
        default="",
        metavar="RELEASE",
        help="which; the last one that nobody went back from if not given",
    )
    back.add_argument("--now", action="store_true", help="without trying it first: it has served here before")
    away = add("drain", "answer health checks with 503 so that balancers send nothing new; go on serving", names="*")
    away.add_argument("--all", action="store_true", help="every service of this node")
    away.add_argument("--wait", type=seconds, default=0.0, metavar="SECONDS", help="and wait before returning")
    add("undrain", "answer health checks as the service does")
    remove = add("remove", "stop a service and remove its releases and units; data, log and config stay")
    remove.add_argument("--drain", type=seconds, default=0.0, metavar="SECONDS", help="answer 503 so long before")
    add("tidy", "remove releases that are no longer kept and have finished; a switch has this done by itself")
    add("confine", "let its account connect where its releases that run may; each does so as it starts and ends")
    for command in (status, switch, back):
        command.add_argument("--json", action="store_true", help="print JSON, for a machine")
    return parser


def seconds(text: str) -> float:
    """Return a length of time; argparse.ArgumentTypeError if it is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 86400 seconds")
    return value
