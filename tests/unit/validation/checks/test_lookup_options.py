"""Options of lookups that Hiera refuses, or drops without a word."""

import pytest
from fleet_cli.repository import yaml_reader
from fleet_cli.validation.checks import lookup_options
from fleet_cli.validation.puppet_code import PuppetCode


def found(text: str) -> list[tuple[int, int, str]]:
    code = PuppetCode({}, {"Own": {"kind": "Any"}}, {}, {}, frozenset(), frozenset(), "")
    options = yaml_reader.parse(f"lookup_options:\n  {text}\n".encode(), "common.yaml").top["lookup_options"].node
    return [(each.line, each.column, each.code) for each in lookup_options.problems(options, code)]


@pytest.mark.parametrize("text", [
    "a: {convert_to: Integer}", "a: {convert_to: 'Array[String]'}", "a: {convert_to: [Integer, 16]}",
    "a: {convert_to: Sensitive}", "a: {convert_to: 'Stdlib::Port'}", "a: {convert_to: Own}",
    "'^a::.*': {merge: deep}", "'^(?<x>a)\\h+$': {merge: deep}", "'^a::(b|c)[(]$': {merge: first}",
])  # fmt: skip
def test_those_that_hiera_takes_pass(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(("text", "column"), [
    ("a: {convert_to: Integr}", 19), ("a: {convert_to: [Sensitiv, 1]}", 20), ("a: {convert_to: 'Arry[String]'}", 19),
    ("'^a::(b': {merge: deep}", 3), ("'^a::b)': {merge: deep}", 3), ("'^a::[b': {merge: deep}", 3),
])  # fmt: skip
def test_types_and_patterns_that_are_none_are_told_where_they_are(text: str, column: int) -> None:
    assert found(text) == [(2, column, "wrong-type")]
