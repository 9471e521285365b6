"""What is wrong with one file of Hiera, as far as it alone and the Puppet code can tell."""

from collections.abc import Collection, Iterator

from fleet_cli.repository import services
from fleet_cli.repository.documents import Document, Node, leaves
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.merging import OPTIONS_KEY, Conversions, Merges
from fleet_cli.repository.scalars import Scalar
from fleet_cli.validation.checked import Checked, Encrypted, Name
from fleet_cli.validation.checks import conversion, eyaml, interpolation, lookup_options, octal, secrets, system_names
from fleet_cli.validation.checks.data_types import Checker
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.puppet_code import PuppetCode

SERVICE_NAME = "Flask_microservice::Name"
"""A value of this type names a service."""
_INTERPOLATED = (services.SERVICES, services.VERSIONS, services.DATABASE)
"""Keys in which only what Hiera knows everywhere may be interpolated; profiles may have variables of their own."""


_VERBATIM = (services.SECRETS, services.SECRET_ENVIRONMENT)
"""Keys in which nothing but a reference is interpolated."""


def check(
    name: str,
    document: Document,
    code: PuppetCode,
    merges: Merges,
    conversions: Conversions,
    *,
    of_modules: Collection[str] = (),
) -> Checked:
    """Check a file of which `name` is the path below the repository.

    Args:
        name, document: the file.
        code, merges, conversions: what it is checked against.
        of_modules: the files that are the data of modules.
    """
    result = Checked(list(document.findings))
    for key, pair in document.top.items():
        problems: list[Problem] = []
        if key == OPTIONS_KEY:
            problems += lookup_options.problems(pair.node, code)
        elif parameter := code.parameters.get(key):

            def note(alias: str, node: Node, path: tuple[Scalar, ...], key: str = key) -> None:
                if alias == SERVICE_NAME and isinstance(node.value, str):
                    result.names.append(Name(node.line, node.column, node.value, (key, *path)))

            checker = Checker(code.aliases, note)
            if kind := conversions.of(key):
                problems += conversion.problems(kind, parameter.type, pair.node, checker)
            # `~` stands for the default; in the data of a module, for what each user has to give.
            elif pair.node.value is not None or not (parameter.optional or name in of_modules):
                problems += checker.check(parameter.type, pair.node, merges.levels(key))
            if key == services.SERVICES:
                problems += system_names.problems(pair.node, code.aliases)
            if parameter.type["kind"] == "Sensitive":
                problems += secrets.plain_values(pair.node)
        for leaf in leaves(pair.node):
            if isinstance(leaf.value, str) and "%{" in leaf.value:
                result.lookups.extend(interpolation.lookups(leaf))
            result.encrypted.extend(Encrypted(leaf.line, leaf.column, tier) for tier in eyaml.tiers(leaf))
            problems += _of_leaf(key, leaf, problems)
        result.findings.extend(Finding(name, *problem) for problem in problems)
    return result


def _of_leaf(key: str, leaf: Node, found: list[Problem]) -> Iterator[Problem]:
    """What is wrong with a single value, wherever below a key it stands."""
    if isinstance(leaf.value, str):
        yield from eyaml.damage(leaf)
        if "%{" in leaf.value and key in _INTERPOLATED:
            yield from interpolation.problems(leaf)
            yield from interpolation.unclosed(leaf)
        elif "%{" in leaf.value and key not in _VERBATIM:
            yield from interpolation.mistakes(leaf)
    elif leaf.raw and not any((each.line, each.column) == (leaf.line, leaf.column) for each in found):
        yield from octal.problems(leaf)
