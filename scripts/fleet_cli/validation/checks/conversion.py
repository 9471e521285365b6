"""Values that Hiera converts before a parameter gets them: `convert_to` of lookup_options."""

import re

from fleet_cli.repository.documents import Node
from fleet_cli.validation.checks.data_types import UNKNOWN_TEXT, Checker
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.type_words import Type, shown

_INTEGER = re.compile(r"[-+]?\s*(?:0[xX][0-9A-Fa-f]+|0[bB][01]+|0?[0-7]+|[1-9]\d*)")
_FLOAT = re.compile(r"[-+]?\s*\d+(?:\.\d+)?(?:[eE]-?\d+)?")
_BOOLEANS = {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}


def problems(target: str, kind: Type, node: Node, checker: Checker) -> list[Problem]:
    """What is wrong with a value that is converted to a type, and then has to fit that of its parameter.

    Conversions of which the outcome is not known here are not judged.
    """
    if isinstance(node.value, str) and UNKNOWN_TEXT.search(node.value):
        return []
    if target == "Sensitive":
        return checker.check(kind, node)
    converted = _converted(target, node)
    if converted is None and isinstance(node.value, str) and target in ("Integer", "Float", "Boolean"):
        message = f"{shown(node)} can't be converted to {target}, as lookup_options have it"
        return [Problem(node.line, node.column, "wrong-type", message)]
    return checker.check(kind, converted) if converted else []


def _converted(target: str, node: Node) -> Node | None:
    value = node.value
    if not isinstance(value, str):
        return None
    match target:
        case "Integer" if _INTEGER.fullmatch(value):
            return node._replace(value=int(value.replace(" ", ""), 8 if re.match(r"[-+]?0[0-7]", value) else 0))
        case "Float" if _FLOAT.fullmatch(value):
            return node._replace(value=float(value.replace(" ", "")))
        case "Boolean" if value.lower() in _BOOLEANS:
            return node._replace(value=_BOOLEANS[value.lower()])
        case "String":
            return node
    return None
