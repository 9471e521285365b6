"""A value that Puppet would refuse is told before a deploy, and one that it takes is not."""

from typing import Any

import pytest
from fleet_cli.repository.documents import Node, Pair
from fleet_cli.repository.scalars import Symbol
from fleet_cli.validation.checks.data_types import Checker

ANY_SIZE = {"from": None, "to": None}
TEXT = {"kind": "String", **ANY_SIZE}
PORT = {"kind": "Integer", "from": 1, "to": 65535}
STRUCT = {"kind": "Struct", "members": [
    {"name": "port", "of": PORT, "optional": False}, {"name": "name", "of": TEXT, "optional": True},
]}  # fmt: skip


def node(value: Any) -> Node:
    if isinstance(value, list):
        return Node(1, 1, [node(each) for each in value])
    if isinstance(value, dict):
        return Node(1, 1, {key: Pair(1, 1, node(each)) for key, each in value.items()})
    return Node(1, 1, value)


def codes(kind: dict[str, Any], value: Any, merged: int = 0) -> list[str]:
    return [each.code for each in Checker({"Port": PORT}).check(kind, node(value), merged)]


TABLE: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"kind": "Alias", "name": "Port"}, [80], [0, "80", None]),
    ({"kind": "Optional", "of": PORT}, [None, 80], [0]),
    ({"kind": "NotUndef", "of": {"kind": "Any"}}, [1, ""], [None]),
    ({"kind": "Sensitive", "of": TEXT}, ["a"], [1]),
    ({"kind": "Variant", "of": [PORT, TEXT]}, [80, "a"], [0, None, []]),
    ({"kind": "Undef"}, [None], [0, ""]),
    ({"kind": "String", "from": 1, "to": 2}, ["a", "ab"], ["", "abc", 1]),
    ({"kind": "Pattern", "patterns": [r"\A[a-z]+\z"]}, ["abc"], ["a1", "abc\n", 1]),
    ({"kind": "Enum", "values": ["on", "off"], "any_case": False}, ["on"], ["ON", "auto", True]),
    ({"kind": "Enum", "values": ["on"], "any_case": True}, ["on", "ON"], ["auto"]),
    ({"kind": "Boolean", "value": None}, [True, False], ["true", 1, None]),
    ({"kind": "Boolean", "value": True}, [True], [False]),
    (PORT, [1, 65535], [0, 65536, True, 1.0, "1"]),
    ({"kind": "Float", **ANY_SIZE}, [1.0], [1, "1.0"]),
    ({"kind": "Numeric"}, [1, 1.0], [True, "1"]),
    ({"kind": "Scalar"}, ["a", 1, 1.0, True], [None, [], {}, Symbol("a")]),
    ({"kind": "ScalarData"}, ["a", 1, 1.0, True], [None, [], {}, Symbol("a")]),
    ({"kind": "Collection", **ANY_SIZE}, [[], {}], ["", None]),
    ({"kind": "Array", "of": PORT, "from": 1, "to": None}, [[80]], [[], [0], 80, {}]),
    ({"kind": "Tuple", "of": [PORT, TEXT], **ANY_SIZE}, [[80, "a"]], [[80], [0, "a"], [80, "a", "b"], 80]),
    ({"kind": "Hash", "key": TEXT, "of": PORT, **ANY_SIZE}, [{}, {"a": 80}], [{"a": 0}, {1: 80}, [], None]),
    (STRUCT, [{"port": 80}, {"port": 80, "name": "a"}], [{"port": 0}, []]),
    ({"kind": "Any"}, [None, 1, "", [], {}], []),
    ({"kind": "Regexp"}, [None, 1, "", [], {}], []),
]


@pytest.mark.parametrize(("kind", "good", "bad"), TABLE, ids=lambda each: each.get("kind") if "kind" in each else "")
def test_values_fit_a_type_as_they_do_in_puppet(kind: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    assert {repr(value): codes(kind, value) for value in good} == {repr(value): [] for value in good}
    assert {repr(value): codes(kind, value) for value in bad} == {repr(value): ["wrong-type"] for value in bad}


def test_members_of_a_hash_that_are_missing_or_unknown_are_told() -> None:
    assert codes(STRUCT, {"prot": 80}) == ["unknown-key", "missing-key"]


def test_what_one_file_lacks_of_a_merged_hash_another_may_have() -> None:
    assert codes(STRUCT, {"name": "a"}, merged=1) == []


@pytest.mark.parametrize("text", ["ENC[PKCS7,abc]", "%{facts.os.family}"])
def test_a_text_that_only_hiera_knows_passes_where_a_text_may_be(text: str) -> None:
    assert codes({"kind": "Enum", "values": ["on"], "any_case": False}, text) == []
    assert codes(PORT, text) == ["wrong-type"]
    assert codes(PORT, "%{alias('port')}") == []
