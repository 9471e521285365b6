"""The schema of a package judges a value as the service reads it, and never refuses what the service takes."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fleet_cli.machine.cache import Cache
from fleet_cli.repository import yaml_reader
from fleet_cli.validation import settings_schema
from fleet_cli.validation.settings_schema import UnusableError, Value, Verdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REPO = Path(__file__).resolve().parents[3]
LEVELS = ["debug", "info", "warning"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "values"
    monkeypatch.setattr(settings_schema, "CACHE", Cache(directory, 20))
    return directory


def verdict(setting: object, text: str, **more: object) -> Verdict | None:
    schema = {**more, "properties": {"a": {"properties": {"b": setting}}}}
    value = Value("a", "b", text)
    return settings_schema.judge(json.dumps(schema), [value])[value]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("info", "info"), ("'7'", "7"), ("7", "7"), ("0x10", "16"), ("-3", "-3"), ("5.0", "5.0"),
        ("1.5e+20", "1.5e+20"), ("100000000000000000000.0", "1.0e+20"),
        ("0.00001", "1.0e-05"), ("true", "true"), ("on", "true"),
        ("No", "false"), ("''", ""), ("", None), ("[a]", None), ("{a: b}", None), (":a", None), (".inf", None),
        ("9223372036854775808", None), ("'%{alias(\"x\")}'", None), ("a %{facts.b} c", None), ("ENC[PKCS7,MII=]", None),
    ],
)  # fmt: skip
def test_a_value_is_the_text_that_puppet_writes(written: str, text: str | None) -> None:
    document = yaml_reader.parse(f"key: {written}\n".encode(), "x.yaml")
    assert settings_schema.text_of(document.top["key"].node) == text


@pytest.mark.parametrize(
    ("setting", "right", "wrong"),
    [
        ({"type": "string", "enum": LEVELS}, ["info"], ["inof", "Info", ""]),
        ({"type": "string", "pattern": "^(/.*)?$"}, ["/x", ""], ["x"]),
        ({"type": "string", "maxLength": 2}, ["ab", "12"], ["abc", "123"]),
        ({"type": "integer", "minimum": 0, "maximum": 9}, ["0", "9", "+9", "007"], ["-1", "10", "5.0", "1e0", "x", ""]),
        ({"type": "number", "exclusiveMinimum": 0}, ["5", "0.5", "1e3", ".5"], ["0", "-1", "5s", "1,5", "e", ""]),
        ({"type": "boolean"}, ["true", "false", "Yes", "off", "1"], ["maybe", "2", ""]),
        ({"enum": [1, 2]}, ["1", "2"], ["3", "one"]),
        ({"const": "on"}, ["on"], ["off"]),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}]}, ["auto", "3"], ["aut", "3.5"]),
        ({"type": ["integer", "null"]}, ["3"], ["x"]),
        ({"not": {"const": "x"}}, ["y"], ["x"]),
        ({"$ref": "#/$defs/level"}, ["info"], ["inof"]),
        ({}, ["anything"], []),
        (False, [], []),
    ],
)
def test_a_text_is_right_if_it_fits_or_what_it_says_does(
    setting: Mapping[str, Any], right: list[str], wrong: list[str]
) -> None:
    more = {"$defs": {"level": {"enum": LEVELS}}}
    for text in right:
        assert verdict(setting, text, **more) == Verdict(), text
    for text in wrong:
        said = verdict(setting, text, **more)
        assert said and said.wrong, text


@pytest.mark.parametrize("setting", [True, {"type": "array"}, {"anyOf": [{"type": "object"}, {"const": "none"}]}])
def test_what_only_the_service_can_read_is_not_judged(setting: object) -> None:
    assert verdict(setting, "a, b") is None


def test_a_setting_that_the_schema_does_not_have_is_not_judged() -> None:
    values = [Value("a", "c", "x"), Value("c", "b", "x")]
    schema = json.dumps({"properties": {"a": {"properties": {"b": {}}}}, "additionalProperties": False})
    assert settings_schema.judge(schema, values) == dict.fromkeys(values)


@pytest.mark.parametrize(
    ("setting", "text", "wrong", "suggestion"),
    [
        ({"enum": LEVELS, "x-expected": "one of three"}, "inof", "'inof' is not one of three", "did you mean 'info'?"),
        ({"enum": LEVELS, "x-expected": "one of three"}, "INFO", "'INFO' is not one of three", "did you mean 'info'?"),
        ({"enum": LEVELS, "x-expected": "one of three"}, "warn", "'warn' is not one of three",
         "did you mean 'warning'?"),
        ({"enum": LEVELS, "x-expected": "one of three"}, "loud", "'loud' is not one of three", ""),
        ({"enum": LEVELS}, "inof", "'inof' is not one of ['debug', 'info', 'warning']", "did you mean 'info'?"),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}], "x-expected": "auto or a number"}, "autp",
         "'autp' is not auto or a number", "did you mean 'auto'?"),
        ({"type": "integer", "maximum": 9}, "70", "70 is greater than the maximum of 9", ""),
        ({"type": "integer", "x-expected": "a number"}, "x" * 99, "'" + "x" * 60 + "…' is not a number", ""),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_what_is_right(
    setting: Mapping[str, Any], text: str, wrong: str, suggestion: str
) -> None:
    assert verdict(setting, text) == Verdict(wrong, suggestion)


@pytest.mark.parametrize("words", [{"x-expected": "an address"}, {}])
def test_a_value_that_may_be_a_secret_is_shown_nowhere(words: Mapping[str, str]) -> None:
    said = verdict({"type": "string", "enum": ["hunter1"], "writeOnly": True, **words}, "hunter2")
    assert said and said.wrong.startswith("its value ")
    assert said.hidden
    assert "hunter" not in said.wrong + said.suggestion


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it is no JSON Schema"),
        ('{"properties": {"a": {"properties": {"b": {"type": "strnig"}}}}}', "'strnig' is not valid"),
        ('{"properties": {"a": {"properties": {"b": {"$ref": "http://127.0.0.1:9/x"}}}}}', "what is not in it"),
        ('{"properties": {"a": {"properties": {"b": {"$ref": "#/$defs/x"}}}}}', "what is not in it"),
        ('{"properties": {"a": {"properties": {"b": {"$ref": "#/properties/a/properties/b"}}}}}', "without an end"),
        ('{"properties": {"a": {"properties": {"b": {"pattern": "("}}}}}', "'(' is not a 'regex'"),
    ],
)
def test_a_schema_that_is_none_is_said_to_be_so(schema: str, why: str) -> None:
    with pytest.raises(UnusableError) as refused:
        settings_schema.judge(schema, [Value("a", "b", "x")])
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_older_draft_is_taken_as_what_it_is() -> None:
    draft = {"$schema": "http://json-schema.org/draft-04/schema#"}
    setting = {"type": "integer", "minimum": 0, "exclusiveMinimum": True}
    assert verdict(setting, "1", **draft) == Verdict()
    said = verdict(setting, "0", **draft)
    assert said and said.wrong


def test_values_that_were_judged_before_do_without_the_library(cache: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from fleet_cli.machine.cache import Cache;"
        "from fleet_cli.validation import settings_schema as s; s.CACHE = Cache(Path(sys.argv[1]), 20);"
        "v = s.Value('a', 'b', 'x');"
        'print(s.judge(\'{"properties": {"a": {"properties": {"b": {"const": "y"}}}}}\', [v])[v].wrong,'
        " 'jsonschema' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, str(cache)],
            env={"PYTHONPATH": str(REPO / "scripts")}, capture_output=True, text=True, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert said == ["'y' was expected True\n", "'y' was expected False\n"]


@pytest.fixture(scope="module")
def kinds() -> ModuleType:
    """The kinds of settings that services of the template have."""
    [file] = REPO.glob("template/*/src/*/setting_kinds.py")
    spec = importlib.util.spec_from_file_location("setting_kinds", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["setting_kinds"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


NUMBERS = st.one_of(
    st.integers(-100, 100).map(str), st.floats(-100, 100).map(repr), st.text("0123456789+-.eE_ ", max_size=6)
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=NUMBERS | st.text(max_size=4) | st.sampled_from(LEVELS), least=st.integers(-50, 50))
def test_what_a_service_takes_its_schema_takes_and_what_is_told_the_service_refuses(
    kinds: ModuleType, text: str, least: int
) -> None:
    for kind in (
        kinds.OneOf(tuple(LEVELS)), kinds.Whole(least, 50), kinds.Number(above=least, most=60.5, unit="seconds"),
        kinds.Text("a path", r"^(/.*)?$"), kinds.Text("digits", "^[0-9]+$", int),
    ):  # fmt: skip
        said = verdict({**kind.schema, "x-expected": kind.expected}, text)
        assert said is not None
        try:
            kind(text)
        except ValueError:
            continue
        assert said.wrong == "", f"{kind} takes {text!r}"


@pytest.mark.parametrize("number", [-1, 51, 10**6])
def test_a_number_out_of_range_is_found(kinds: ModuleType, number: int) -> None:
    for kind in (kinds.Whole(0, 50), kinds.Number(above=0, most=50)):
        said = verdict({**kind.schema, "x-expected": kind.expected}, str(number))
        assert said and said.wrong == f"'{number}' is not {kind.expected}"
