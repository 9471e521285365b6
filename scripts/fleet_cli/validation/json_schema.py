"""The keys of Hiera and their data types as JSON Schema (draft 7), for editors."""

import re
from collections.abc import Iterable
from typing import Any

from fleet_cli.repository.merging import OPTIONS_KEY, STRATEGIES, Merges
from fleet_cli.validation import ruby_patterns
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.type_words import Type, admits_text, words

Schema = dict[str, Any]

_LOOKED_UP = {"type": "string", "pattern": r"ENC\[|%\{"}
"""A text that is something else once Hiera has looked it up."""
_ANYTHING = {"type": "string", "pattern": r"^\s*%\{\s*alias\("}
_OPTIONS = "#/definitions/options"
_OF_PARTS = ("Hash", "Struct", "Alias", "Optional", "NotUndef", "Sensitive", "Variant")
"""Types whose values may be merged of those of several files."""


def whole(code: PuppetCode, merges: Merges, others: Iterable[str]) -> Schema:
    """Return the schema of a file of Hiera.

    Args:
        code: the classes, whose parameters are keys.
        merges: which keys one file may say a part of.
        others: keys that are looked up by name, and may be anything.
    """
    schema = _Schemas(code, merges)
    properties: Schema = {key: {} for key in sorted(others)}
    for key, parameter in sorted(code.parameters.items()):
        properties[key] = schema.of(parameter.type, merges.levels(key))
    properties[OPTIONS_KEY] = {
        "type": "object",
        "properties": {key: {"$ref": _OPTIONS} for key in properties},
        "patternProperties": {r"^\^": {"$ref": _OPTIONS}},
        "additionalProperties": False,
    }
    merge = {"anyOf": [{"enum": list(STRATEGIES)}, {"type": "object"}]}
    schema.definitions["options"] = {
        "type": "object", "properties": {"merge": merge, "convert_to": {}}, "additionalProperties": False
    }  # fmt: skip
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Hiera data of this control repository",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        "definitions": schema.definitions,
    }


class _Schemas:
    def __init__(self, code: PuppetCode, merges: Merges) -> None:
        self.definitions: Schema = {}
        self._aliases = code.aliases
        self._merges = merges

    def of(self, kind: Type, merged: int = 0) -> Schema:
        """The schema of a type, of which `merged` levels may be there in part."""
        bare = self._bare(kind, merged)
        if not bare or kind["kind"] in ("Alias", "Optional", "NotUndef", "Sensitive", "Variant"):
            return bare
        return {"anyOf": [bare, _LOOKED_UP if admits_text(kind, self._aliases) else _ANYTHING]}

    def _bare(self, kind: Type, merged: int) -> Schema:  # noqa: PLR0911, PLR0912 - a line a kind
        match kind["kind"]:
            case "Alias":
                return self._alias(kind["name"], merged)
            case "Optional":
                return {"anyOf": [self.of(kind["of"], merged), {"type": "null"}]}
            case "NotUndef" | "Sensitive":
                return self.of(kind["of"], merged)
            case "Variant":
                return {"anyOf": [self.of(each, merged) for each in kind["of"]]}
            case "Undef":
                return {"type": "null"}
            case "Enum":
                return _enum(kind)
            case "Pattern":
                return {"anyOf": [{"type": "string", **_pattern(each)} for each in kind["patterns"]]}
            case "String":
                return {"type": "string", **_limits(kind, "minLength", "maxLength")}
            case "Boolean":
                return {"type": "boolean"} if kind.get("value") is None else {"const": kind["value"]}
            case "Integer" | "Float" as name:
                number = "integer" if name == "Integer" else "number"
                return {"type": number, **_limits(kind, "minimum", "maximum")}
            case "Numeric":
                return {"type": "number"}
            case "Array":
                return {"type": "array", "items": self.of(kind["of"]), **_limits(kind, "minItems", "maxItems")}
            case "Hash":
                return self._hash(kind, merged)
            case "Struct":
                return self._struct(kind, merged)
            case "Scalar" | "ScalarData":
                return {"type": ["string", "number", "boolean"]}
            case "Collection" | "Tuple":
                return {"type": ["array", "object"] if kind["kind"] == "Collection" else "array"}
        return {}

    def _alias(self, name: str, merged: int) -> Schema:
        target = self._aliases.get(name) or {"kind": "Any"}
        merged = merged if target["kind"] in _OF_PARTS else 0
        key = name.replace("::", ".") + ("-part" if merged else "")
        if key not in self.definitions:
            self.definitions[key] = {}  # a type may hold itself
            said = f"{name}: {words(target, self._aliases)}"
            self.definitions[key] = {"description": said, **self.of(target, merged)}
        return {"$ref": f"#/definitions/{key}"}

    def _hash(self, kind: Type, merged: int) -> Schema:
        return {
            "type": "object",
            "propertyNames": self.of(kind["key"]),
            "additionalProperties": self.of(kind["of"], max(merged - 1, 0)),
            **({} if merged else _limits(kind, "minProperties", "maxProperties")),
        }

    def _struct(self, kind: Type, merged: int) -> Schema:
        required = [member["name"] for member in kind["members"] if not member["optional"]]
        return {
            "type": "object",
            "properties": {each["name"]: self.of(each["of"], max(merged - 1, 0)) for each in kind["members"]},
            "additionalProperties": False,
            **({"required": required} if required and not merged else {}),
        }


def _enum(kind: Type) -> Schema:
    if not kind["any_case"]:
        return {"enum": list(kind["values"])}
    return {"type": "string", "pattern": f"^({'|'.join(map(_any_case, kind['values']))})$"}


def _any_case(value: str) -> str:
    return "".join(f"[{each.lower()}{each.upper()}]" if each.isalpha() else re.escape(each) for each in value)


def _limits(size: Type, least: str, most: str) -> Schema:
    limits = {least: size["from"], most: size["to"]}
    return {name: value for name, value in limits.items() if value is not None}


def _pattern(source: str) -> Schema:
    pattern = ruby_patterns.of_javascript(source)
    return {} if pattern is None else {"pattern": pattern}
