"""The settings as JSON Schema, made from what the service checks itself with: for who checks them before a deploy."""

import configparser
import re
from importlib import resources
from typing import Any

from . import NAME, VERSION
from .setting_kinds import Kind
from .settings import SCHEMA, Key


def describe() -> dict[str, Any]:
    """The JSON Schema of a settings file. The file has texts only: a number in it is a text that is written like one.

    `x-expected` is what messages say where a value is wrong.
    """
    text = (resources.files(__package__) / "default_config.ini").read_text("utf-8")
    defaults = configparser.RawConfigParser(default_section="", delimiters=("=",))
    defaults.optionxform = str  # type: ignore[assignment,method-assign]  # As settings.py reads it.
    defaults.read_string(text)
    comments = _comments(text)
    sections = {}
    for section, keys in SCHEMA.items():
        said = {name: (key, defaults[section][name], comments.get((section, name), "")) for name, key in keys.items()}
        sections[section] = _object({name: _setting(*each) for name, each in said.items()})
    schema = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": schema, "title": f"Settings of {NAME} {VERSION}", **_object(sections)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _setting(key: Key, default: str, description: str) -> dict[str, Any]:
    value = key.parse(default)
    setting: dict[str, Any] = {"description": description} if description else {}
    if isinstance(key.parse, Kind):
        setting |= {**key.parse.schema, "x-expected": key.parse.expected}
    if key.secret:
        setting["writeOnly"] = True
    return {**setting, "default": value if isinstance(value, int | float) else default}


def _comments(text: str) -> dict[tuple[str, str], str]:
    """What the comment right above each key says, by section and key."""
    found: dict[tuple[str, str], str] = {}
    section, lines = "", list[str]()
    for line in text.split("\n"):
        if comment := re.match(r"\s*[#;]\s*(.*)", line):
            lines.append(comment[1])
            continue
        if header := re.match(r"\s*\[(.+)\]", line):
            section = header[1]
        elif "=" in line and not line[0].isspace():
            found[section, line.partition("=")[0].strip()] = " ".join(lines)
        lines = []
    return found
