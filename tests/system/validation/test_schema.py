"""The schema for editors says what validate says: of the files that there are, and of values that nobody thought of."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from fleet_cli.repository import yaml_reader
from fleet_cli.repository.merging import ALL_LEVELS
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.checks.data_types import Checker
from fleet_cli.validation.puppet_check import PuppetCheck
from fleet_cli.validation.puppet_code import PuppetCode
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import REPO, edit
from .mistakes import MISTAKES, Mistake

BY_SCHEMA = ("unknown-key", "wrong-type", "missing-key")
TYPES = [
    "Flask_microservice::Declaration", "Flask_microservice::Config", "Flask_microservice::Version",
    "Flask_microservice::Directives", "Flask_microservice::Database_server", "Flask_microservice::Limits",
    "Stdlib::IP::Address::V4", "Stdlib::Absolutepath", "Stdlib::Port", "Flask_microservice::Environment",
    "Flask_microservice::Value", "Flask_microservice::Secret_text", "Flask_microservice::Secret_environment",
]  # fmt: skip


@cache
def schema() -> dict[str, Any]:
    return Validation(REPO).schema()


@cache
def code() -> PuppetCode:
    return PuppetCheck(REPO).run([])


def refused(repo: Path) -> set[str]:
    """The files that the schema does not take."""
    validator = jsonschema.Draft7Validator(schema())
    return {
        str(file.relative_to(repo))
        for file in (repo / "hieradata").rglob("*.yaml")
        if not validator.is_valid(yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader))
    }


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


def test_editors_take_this_repository() -> None:
    assert refused(REPO) == set()


SEEN = {name: mistake for name, mistake in MISTAKES.items() if mistake.code in BY_SCHEMA}


@pytest.mark.parametrize("mistake", SEEN.values(), ids=SEEN)
def test_editors_see_a_mistake_that_one_file_can_tell(mistake: Mistake, repo: Path) -> None:
    edit(repo, mistake.edits)
    assert refused(repo) == {mistake.at[0]} & set(mistake.edits)


names = st.sampled_from(
    ["port", "socket", "config", "log", "level", "version", "memory", "Service", "host", "upstreams", "x"]
)
texts = st.sampled_from(
    [
        "info",
        "7001",
        "1.0-1",
        "/run/x",
        "a b",
        "",
        "x\ny",
        "10.0.0.1",
        "512M",
        "postgresql",
        "A",
        "é",
        "\xa0x",
        "x\u2003",
        "\x1fx",
        "x\x1f",
        "a\x1fb",
        "\0",
        "a\x0bb",
    ]
)
chance = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=4)
# Not 1.0: to a JSON Schema that is an integer too, to Puppet it is none.
fractions = st.floats(0, 2).filter(lambda number: not number.is_integer())
large = st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 10**30])
leaf = st.none() | st.booleans() | st.integers(-1, 70000) | large | fractions | texts | chance
anything = st.recursive(leaf, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3))


@given(st.sampled_from(TYPES), anything)
@settings(max_examples=600, deadline=None)
def test_the_schema_and_validate_agree_on_any_value(name: str, value: Any) -> None:
    text = json.dumps({"value": value}, ensure_ascii=False)
    node = yaml_reader.parse(text.encode(), "value.yaml").top["value"].node
    definition = name.replace("::", ".")
    part = definition not in schema()["definitions"]  # one that files only ever have parts of
    by_validate = not Checker(code().aliases).check({"kind": "Alias", "name": name}, node, ALL_LEVELS if part else 0)
    reference = {"$ref": f"#/definitions/{definition}{'-part' if part else ''}"}
    whole = {**schema(), "properties": {"value": reference}, "additionalProperties": True}
    by_schema = jsonschema.Draft7Validator(whole).is_valid({"value": value})
    assert by_validate == by_schema
