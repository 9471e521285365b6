"""A mode such as 0644 does not become 420 unnoticed."""

import pytest
from fleet_cli.repository.documents import Node, leaves
from fleet_cli.repository.yaml_reader import parse
from fleet_cli.validation.checks import octal


def value(text: str) -> Node:
    [node] = leaves(parse(f"a: {text}\n".encode(), "a.yaml").top["a"].node)
    return node


@pytest.mark.parametrize("text", ["0644", "022", "-0755", "010"])
def test_a_leading_zero_is_told_where_it_changes_the_number(text: str) -> None:
    assert [each.code for each in octal.problems(value(text))] == ["octal-number"]


@pytest.mark.parametrize("text", ["0", "07", "644", "'0644'", "0800", "0x10", "1.05"])
def test_other_numbers_and_texts_pass(text: str) -> None:
    assert list(octal.problems(value(text))) == []
