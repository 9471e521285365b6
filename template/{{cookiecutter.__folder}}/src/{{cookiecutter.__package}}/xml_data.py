"""Data as XML and back: what JSON can say, XML says too, and `loads(dumps(data)) == data`.

A list is an element whose entries are elements <i>, as RFC 9457 has it. What is not text says so in an attribute:
<page type="integer">1</page>. Without the attribute an element is an object if it has children, else text.
"""

import re
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict

ENTRY = "i"
# XML 1.0 has no form for control characters, surrogates and U+FFFE/F, not even escaped; and turns \r into \n.
NOT_XML = re.compile(r"[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
LONGEST = 500


def printable(text: str) -> str:
    """TEXT as it can stand in any answer and log, cut where it is long: others' words, of which nothing is certain."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}\N{HORIZONTAL ELLIPSIS}"
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", cut)


def dumps(data: Any, root: str, namespace: str = "", typed: bool = True) -> str:
    """DATA as a document with the element ROOT; ValueError if it holds a character or a name that XML has not.

    TYPED: whether types are said in attributes, which a form that others laid down may not allow.
    """
    element = _element(data, typed)
    if namespace:
        element = {"@xmlns": namespace} | element
    document: str = xmltodict.unparse({root: element}, short_empty_elements=True)
    return document


def loads(text: bytes | str) -> Any:
    """The data of a document; ValueError if it is none, or declares entities."""
    try:
        parsed = xmltodict.parse(text, strip_whitespace=False, disable_entities=True, force_list=(ENTRY,))
    except ExpatError as error:
        raise ValueError(str(error)) from None
    return _data(next(iter(parsed.values())))


def _element(data: Any, typed: bool) -> dict[str, Any]:
    match data:
        case dict():
            for name in data:
                if not _NAME.fullmatch(name) or name == ENTRY:
                    raise ValueError(f"{name!r} is no name of an element")
            children = {name: _element(value, typed) for name, value in data.items()}
            return children if children or not typed else {"@type": "object"}
        case list() | tuple():
            return {ENTRY: [_element(value, typed) for value in data]} | ({"@type": "array"} if typed else {})
        case str():
            if NOT_XML.search(data):
                raise ValueError("the text holds a character that XML has not")
            return {"#text": data} if data else {}
        case None:
            return {"@type": "null"} if typed else {}
        case bool():
            kind, text = "boolean", str(data).lower()
        case int():
            kind, text = "integer", str(data)
        case float():
            kind, text = "number", repr(data)
        case _:
            raise ValueError(f"{type(data).__name__} has no form in XML")
    return {"@type": kind, "#text": text} if typed else {"#text": text}


def _data(element: Any) -> Any:
    if isinstance(element, list):
        raise ValueError(f"an element stands more than once; a list has one element, with entries <{ENTRY}>")
    if not isinstance(element, dict):
        return element or ""
    children = {name: value for name, value in element.items() if name[0] not in "@#"}
    text = element.get("#text", "")
    if children and text.strip():
        raise ValueError("an element has both text and other elements")
    kind = element.get("@type") or ("array" if set(children) == {ENTRY} else "object" if children else "string")
    match kind:
        case "array":
            return [_data(entry) for entry in children.get(ENTRY, [])]
        case "object":
            return {name: _data(value) for name, value in children.items()}
        case "string" if not children:
            return text
        case "null" if not children and not text:
            return None
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "integer" if re.fullmatch(r"-?[0-9]{1,4000}", text):
            return int(text)
        case "number":
            return float(text)
    raise ValueError(f"{kind!r} is not the type of what the element holds")
