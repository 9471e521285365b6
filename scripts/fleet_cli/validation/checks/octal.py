"""Numbers with a leading zero: YAML takes them for octal ones, and 0644 arrives as 420."""

import re
from collections.abc import Iterator

from fleet_cli.repository.documents import Node
from fleet_cli.validation.problem import Problem

_LEADING_ZERO = re.compile(r"[-+]?0[0-7]{2,}|[-+]?0[1-7][0-7]+")


def problems(leaf: Node) -> Iterator[Problem]:
    """A number that is another one to YAML than to who reads it."""
    if isinstance(leaf.value, int) and _LEADING_ZERO.fullmatch(leaf.raw) and int(leaf.raw) != leaf.value:
        message = f"{leaf.raw} is an octal number to YAML, and arrives as {leaf.value}"
        yield Problem(leaf.line, leaf.column, "octal-number", message, f"in quotes: '{leaf.raw}', or {leaf.value}")
