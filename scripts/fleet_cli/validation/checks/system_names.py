"""Names that no service, and no package of one, can have: the system has something of that name.

The names themselves are data types of the module: flask_microservice::name_problems fails a catalog for the same.
"""

from collections.abc import Iterator

from fleet_cli.repository.documents import Node, mapping
from fleet_cli.repository.finding import Finding
from fleet_cli.validation.checks.data_types import Checker
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.running import Running, at
from fleet_cli.validation.type_words import Aliases

_REASONS = {
    "Flask_microservice::System_account": (
        "an account or group of the system has it, which would become the service's, and go with it"
    ),
    "Flask_microservice::System_unit": "a unit of the system has it, which that of the service would replace",
    "Flask_microservice::System_directory": (
        "something in /etc, /var/lib or /var/log has it that is not the service's"
    ),
}
"""By the data type of names, why a service can't have one."""

_PACKAGE = "Flask_microservice::System_package"


def problems(declarations: Node, aliases: Aliases) -> Iterator[Problem]:
    """What is wrong with the names in flask_microservice::services of one file.

    Args:
        declarations: the services by name.
        aliases: the data types; an older module may have none of these.
    """
    for name, declared in mapping(declarations).items():
        its = mapping(declared.node)
        reason = next((why for each, why in _REASONS.items() if _fits(each, name, aliases)), "")
        # Other layers only add to it: its package, if that has another name, stands where it is told to listen.
        is_home = bool({"port", "socket"} & its.keys())
        if not reason and is_home and "package" not in its and _fits(_PACKAGE, name, aliases):
            reason = "a package that the system needs has it, and would go with the service"
        if reason:
            message = f"no service can have the name '{name}': {reason}"
            yield Problem(declared.line, declared.column, "system-name", message, "choose another one")
        package = str(its["package"].node.value) if "package" in its else ""
        if package and _fits(_PACKAGE, package, aliases):
            message = f"the system needs the package '{package}', which would go with the service"
            node = its["package"].node
            yield Problem(node.line, node.column, "system-name", message, "name the one with the service's virtualenv")


def findings(here: Running) -> Iterator[Finding]:
    """A service may have the units in which releases of another one are tried: NAME-check@RELEASE.service."""
    for base in sorted({service.name.removesuffix("-check") for service in here.to_look_at}):
        if {base, f"{base}-check"} <= here.running.keys() and here.placed.meet([base, f"{base}-check"]):
            spot, related = here.running[f"{base}-check"].home, [here.running[base].home]
            message = f"service '{base}-check' has the units in which releases of '{base}' are tried"
            yield at(spot, "system-name", message, "choose another name for it", related=related)


def _fits(alias: str, name: str, aliases: Aliases) -> bool:
    kind = aliases.get(alias)
    return kind is not None and not Checker(aliases, suggests=False).check(kind, Node(1, 1, name))
