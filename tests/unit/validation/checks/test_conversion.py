"""`convert_to`: what Hiera converts is checked as it arrives."""

import pytest
from fleet_cli.repository.documents import Document, Node
from fleet_cli.repository.merging import conversions
from fleet_cli.repository.yaml_reader import parse
from fleet_cli.validation.checks import conversion
from fleet_cli.validation.checks.data_types import Checker

PORT = {"kind": "Integer", "from": 1, "to": 65535}
BOOLEAN = {"kind": "Boolean", "value": None}


@pytest.mark.parametrize(("target", "kind", "value", "count"), [
    ("Integer", PORT, "8080", 0), ("Integer", PORT, "0", 1), ("Integer", PORT, "http", 1), ("Integer", PORT, "%{x}", 0),
    ("Boolean", BOOLEAN, "yes", 0), ("Boolean", BOOLEAN, "maybe", 1), ("Sensitive", PORT, 80, 0),
    ("Sensitive", PORT, "80", 1), ("Array", PORT, "x", 0),
])  # fmt: skip
def test_a_value_is_checked_after_its_conversion(
    target: str, kind: dict[str, object], value: object, count: int
) -> None:
    node = Node(1, 1, value)  # type: ignore[arg-type]
    assert len(conversion.problems(target, kind, node, Checker({}))) == count


def test_what_is_converted_is_said_by_key_and_by_pattern() -> None:
    text = b"lookup_options:\n  a::b: {convert_to: Integer}\n  '^c::': {convert_to: [Sensitive]}\n  d: {merge: deep}\n"
    documents: list[Document] = [parse(text, "a.yaml")]
    said = conversions(documents)
    assert [said.of(key) for key in ("a::b", "c::d", "d")] == ["Integer", "Sensitive", ""]
