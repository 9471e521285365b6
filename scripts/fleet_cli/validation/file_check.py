"""What is wrong with one file of Hiera, as far as it alone and the Puppet code can tell."""

from fleet_cli.repository import services
from fleet_cli.repository.documents import Document, Node, leaves
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.merging import OPTIONS_KEY, Merges
from fleet_cli.repository.scalars import Scalar
from fleet_cli.validation.checked import Checked, Name
from fleet_cli.validation.checks import eyaml, interpolation, lookup_options, secrets, system_names
from fleet_cli.validation.checks.data_types import Checker
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.puppet_code import PuppetCode

SERVICE_NAME = "Flask_microservice::Name"
"""A value of this type names a service."""
_INTERPOLATED = (services.SERVICES, services.VERSIONS, services.DATABASE)
"""Keys in which only what Hiera knows everywhere may be interpolated; profiles may have variables of their own."""


def check(name: str, document: Document, code: PuppetCode, merges: Merges) -> Checked:
    """Check a file of which `name` is the path below the repository."""
    result = Checked(list(document.findings))
    for key, pair in document.top.items():
        problems: list[Problem] = []
        if key == OPTIONS_KEY:
            problems += lookup_options.problems(pair.node)
        elif parameter := code.parameters.get(key):

            def note(alias: str, node: Node, path: tuple[Scalar, ...], key: str = key) -> None:
                if alias == SERVICE_NAME and isinstance(node.value, str):
                    result.names.append(Name(node.line, node.column, node.value, (key, *path)))

            problems += Checker(code.aliases, note).check(parameter.type, pair.node, merges.levels(key))
            if key == services.SERVICES:
                problems += system_names.problems(pair.node, code.aliases)
            if parameter.type["kind"] == "Sensitive":
                problems += secrets.plain_values(pair.node)
        for leaf in leaves(pair.node):
            if isinstance(leaf.value, str):
                problems += eyaml.damage(leaf)
                if "%{" in leaf.value:
                    result.lookups.extend(interpolation.lookups(leaf))
                    if key in _INTERPOLATED:
                        problems += interpolation.problems(leaf)
        result.findings.extend(Finding(name, *problem) for problem in problems)
    return result
