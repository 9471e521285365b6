"""XML carries the same data as JSON, there and back, and nothing that XML can not carry."""

from typing import Any

import pytest

from {{ cookiecutter.__package }}.xml_data import dumps, loads


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        "",
        None,
        True,
        0,
        -1.5,
        1e300,
        10**30,
        "  spaces  ",
        "<&>\"'",
        "line\nline\ttab",
        "größe \N{PILE OF POO}",
        "5",
        "true",
        ["one"],
        [[], [[]], {}],
        {"name": "a", "list": [1, "1", None, False, {"x": [""]}], "empty": {}, "none": None},
        {"stock-keeper": {"version": "1.0.0", "items": [{"id": 1, "name": "n"}]}},
    ],
    ids=repr,
)
def test_data_comes_back_as_it_was(data: Any) -> None:
    again = loads(dumps(data, "answer"))
    assert again == data
    assert type(again) is type(data)


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\r", "\x1b", "\x7f", "\ud800", "\ufffe"])
def test_a_character_that_xml_has_not_is_refused(character: str) -> None:
    with pytest.raises(ValueError, match="character that XML has not"):
        dumps({"name": f"a{character}b"}, "answer")


@pytest.mark.parametrize("name", ["", "1st", "a b", "<a>", "@a", "#text", "i", "a:b"])
def test_a_name_that_is_no_elements_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of an element"):
        dumps({name: 1}, "answer")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no XML",
        "<a>",
        "<a>&#0;</a>",
        "<a>\x00</a>",
        '<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        "<a>text<b/></a>",
        "<a><b/><b/></a>",
        '<a type="integer">one</a>',
        '<a type="boolean">yes</a>',
        '<a type="number">many</a>',
        '<a type="list"/>',
    ],
)
def test_what_is_not_data_in_xml_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        loads(text)


def test_a_document_by_hand_needs_no_types() -> None:
    text = "<order>\n  <lines>\n <i>a</i>\n <i>b</i>\n </lines>\n <note/>\n</order>"
    assert loads(text) == {"lines": ["a", "b"], "note": ""}
