"""What a plain scalar of a YAML file is to Puppet, whose YAML reader is Ruby's Psych."""

import math
import re
from typing import NamedTuple


class Symbol(NamedTuple):
    """A Ruby symbol: what Psych makes of `:word`. No data type but Any takes one."""

    name: str


class Refused(NamedTuple):
    """What Psych makes an object of that Puppet's reader refuses: a date, a time."""

    kind: str


Scalar = str | int | float | bool | None | Symbol | Refused

_BOOLEAN = re.compile(r"(?:(yes|true|on)|(no|false|off))", re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?(?:0b[01_,]+|0[0-7_,]+|0|[1-9](?:[0-9]|,[0-9]|_[0-9])*|0x[0-9a-fA-F_,]+)")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?")
_NO_NUMBER = re.compile(r"(?:(\+?\.inf)|(-\.inf)|(\.nan))", re.IGNORECASE)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}(?:\.[0-9_]*)?")
_DATE = re.compile(r"\d{4}-(?:1[012]|0\d|\d)-(?:[12]\d|3[01]|0\d|\d)")
_TIME = re.compile(
    r"-?\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d\d:\d\d(?:\.\d*)?(?:\s*(?:Z|[-+]\d{1,2}:?(?:\d\d)?))?"
)
_NUMERIC_START = frozenset("0123456789+-.")


def resolve(text: str) -> Scalar:
    """Return the value of a plain scalar, such as 7001, 1.5, true, null, or its text."""
    if text in ("", "~") or (len(text) == 4 and text.lower() == "null"):
        return None
    if text[0] in _NUMERIC_START:
        return _numeric(text)
    if text[0] in "yYtToOnNfF" and len(text) < 6 and (found := _BOOLEAN.fullmatch(text)):
        return found[1] is not None
    if text[0] == ":" and len(text) > 1 and not text.startswith(("::", ": ")):
        return Symbol(text[1:].strip("'\""))
    return text


def _numeric(text: str) -> Scalar:  # noqa: PLR0911 - a line a kind
    if _INTEGER.fullmatch(text):
        return _integer(text.replace("_", "").replace(",", ""))
    if _DATE.fullmatch(text):
        return Refused("date")
    if _TIME.fullmatch(text):
        return Refused("time")
    if _SEXAGESIMAL.fullmatch(text):
        return _sexagesimal(text.replace("_", ""))
    if found := _NO_NUMBER.fullmatch(text):
        return math.inf if found[1] else -math.inf if found[2] else math.nan
    try:
        return float(text.replace("_", "").replace(",", "")) if _FLOAT.fullmatch(text) else text
    except ValueError:
        return text


def _integer(digits: str) -> Scalar:
    sign = -1 if digits[0] == "-" else 1
    bare = digits.lstrip("+-").lower()
    try:
        if bare.startswith(("0b", "0x")):
            return sign * int(bare[2:], 2 if bare[1] == "b" else 16)
        # So many digits would only take time to convert: the number is too long, whatever it is exactly.
        return sign * (int(bare, 8 if bare.startswith("0") and bare != "0" else 10) if len(bare) < 4000 else 10**4000)
    except ValueError:
        return digits


def _sexagesimal(text: str) -> Scalar:
    sign = -1 if text[0] == "-" else 1
    parts = [float(part) if "." in part else int(part) for part in text.lstrip("+-").split(":")]
    # Ruby takes two parts for hours and minutes, and only the first one's sign counts.
    value: float = sign * parts[0] * 3600
    for weight, part in zip((60, 1), parts[1:], strict=False):
        value += weight * part
    return value
