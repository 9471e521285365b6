"""The JSON Schema in a package: whether a version takes a value of Hiera as it stands in the file that Puppet writes.

That file has texts only. A value is right if the schema takes its text, or the number or truth value that it says.
What a schema does not say is not judged.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_cli.machine import paths
from fleet_cli.machine.cache import Cache
from fleet_cli.repository.documents import Node
from fleet_cli.repository.finding import nearest
from fleet_cli.validation.checks.data_types import UNKNOWN_TEXT
from fleet_cli.validation.files import program_version

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

EXPECTED = "x-expected"
"""The keyword by which a schema says in words what a setting may be; nothing in it is checked."""
_SHOWN = 60
_NEAR = 0.5
"""How much like one of the few words that are right a wrong one has to be, as the services themselves have it."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[0-9.eE+-]{1,400}")
_BOOLEANS = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}
"""As Python's configparser has them."""


class Value(NamedTuple):
    """A value of a setting, as its text."""

    section: str
    key: str
    text: str


class Verdict(NamedTuple):
    """What a schema says of a value.

    Attributes:
        wrong: why a version does not take it; empty if it does.
        suggestion: what was meant; empty if that is not known.
        hidden: whether the value may be a secret, and is not to be shown.
    """

    wrong: str = ""
    suggestion: str = ""
    hidden: bool = False


class UnusableError(Exception):
    """A schema is none, or not one that can be used here; the message says why."""


CACHE: Cache[dict[Value, Verdict | None]] = Cache(paths.CACHE / "validate/values", 20_000)
"""What was found of values, by the digest of their schema: what has not changed does without jsonschema."""
MAX_VALUES = 10_000
"""Values of each schema that stay in the cache."""


def text_of(node: Node) -> str | None:
    """A value as Puppet writes it; None if that is not known here, or is no single value."""
    match node.value:
        case bool():
            return "true" if node.value else "false"
        case int():
            return str(node.value) if abs(node.value) < 2**63 else None
        case float():
            # 1.0e+20 in Ruby is 1e+20 in Python.
            return re.sub(r"^(-?\d+)e", r"\1.0e", repr(node.value)) if math.isfinite(node.value) else None
        case str():
            return None if UNKNOWN_TEXT.search(node.value) else node.value
    return None


def judge(schema: str, values: Iterable[Value]) -> Mapping[Value, Verdict | None]:
    """Return what a schema says of values; None for those of which it says nothing.

    Raises:
        UnusableError: the text is no JSON Schema.
    """
    name = hashlib.sha256(f"{program_version()}\0{schema}".encode()).hexdigest()
    known = CACHE.get(name) or {}
    asked = dict.fromkeys(values)
    if new := [value for value in asked if value not in known]:
        judgement = _Judgement(schema)
        found = {value: judgement.of(value) for value in new}
        kept = known if len(known) + len(found) <= MAX_VALUES else {}
        CACHE.put(name, {**kept, **found})
        known = {**known, **found}
    return {value: known[value] for value in asked}


class _Judgement:
    def __init__(self, text: str) -> None:
        # Takes a quarter of the time of a whole validation to load.
        from jsonschema import Draft202012Validator, SchemaError, validators  # noqa: PLC0415
        from referencing import Registry  # noqa: PLC0415

        try:
            self._schema: Any = json.loads(text)
            kind = validators.validator_for(self._schema, default=Draft202012Validator)
            kind.check_schema(self._schema)
        except (ValueError, RecursionError) as error:
            raise UnusableError(f"it is no JSON: {error}") from None
        except SchemaError as error:
            raise UnusableError(f"it is no JSON Schema: {_shortened(error.message)}") from None
        # JSON Schema takes 5.0 for an integer; a service that reads the text does not.
        strict = kind.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
        extend: Callable[..., Callable[..., Validator]] = validators.extend
        # This registry fetches no address that a schema names.
        self._validator = extend(kind, type_checker=strict)(self._schema, registry=Registry())

    def of(self, value: Value) -> Verdict | None:
        """What it says of a value.

        Raises:
            UnusableError: the schema refers to what is not in it, or to itself.
        """
        from referencing.exceptions import Unresolvable  # noqa: PLC0415

        setting = self._schema
        for name in (value.section, value.key):
            properties = setting.get("properties") if isinstance(setting, dict) else None
            setting = properties.get(name) if isinstance(properties, dict) else None
        if not isinstance(setting, dict):
            return None
        validator = self._validator.evolve(schema=setting)
        try:
            found = [list(validator.iter_errors(reading)) for reading in _readings(value.text)]
        except Unresolvable as error:
            raise UnusableError(f"it refers to what is not in it: {error}") from None
        except RecursionError:
            raise UnusableError("it refers to itself without an end") from None
        if not all(found):
            return Verdict()
        return None if any(map(_is_of_parts, found[0])) else _wrong(value.text, setting, found)


def _readings(text: str) -> Iterator[str | bool | int | float]:
    """What a service may take a text for."""
    yield text
    if text.lower() in _BOOLEANS:
        yield _BOOLEANS[text.lower()]
    if _WHOLE.fullmatch(text):
        yield int(text)
    elif _NUMBER.fullmatch(text):
        try:
            number = float(text)
        except ValueError:
            return
        if math.isfinite(number):
            yield number


def _is_of_parts(error: "ValidationError") -> bool:
    """Whether a list or the like would do: how the service reads one from a text is not known."""
    kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return (error.validator == "type" and not {"array", "object"}.isdisjoint(kinds)) or any(
        map(_is_of_parts, error.context or ())
    )


def _wrong(text: str, setting: Mapping[str, Any], found: list[list["ValidationError"]]) -> Verdict:
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    expected = setting.get(EXPECTED)
    if setting.get("writeOnly") is True:
        reason = f"is not {expected}" if isinstance(expected, str) else "does not fit its schema"
        return Verdict(f"its value {reason}", hidden=True)
    suggestion = _meant(text, [word for error in found[0] for word in _words(error)])
    if isinstance(expected, str):
        return Verdict(f"'{_shortened(text)}' is not {expected}", suggestion)
    # The last reading is the closest to what a schema of numbers asks for.
    error = best_match(found[-1])
    return Verdict(_shortened(error.message, 200) if error else "does not fit its schema", suggestion)


def _words(error: "ValidationError") -> Iterator[str]:
    """The words of which one would have been right."""
    match error.validator:
        case "enum":
            words: Any = error.validator_value
            yield from (word for word in words if isinstance(word, str))
        case "const" if isinstance(error.validator_value, str):
            yield error.validator_value
    for part in error.context or ():
        yield from _words(part)


def _meant(text: str, words: Iterable[str]) -> str:
    by_lower = {word.lower(): word for word in words}
    near = nearest(text.lower(), by_lower, _NEAR)
    return f"did you mean '{by_lower[near]}'?" if near else ""


def _shortened(text: str, most: int = _SHOWN) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
