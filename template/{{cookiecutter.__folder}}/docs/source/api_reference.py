"""The API reference, in reStructuredText, from the OpenAPI document."""

from collections.abc import Iterator
from typing import Any


def render(document: dict[str, Any]) -> str:
    """The page: each operation, then what the schemas mean."""
    return "\n".join(_page(document)) + "\n"


def _page(document: dict[str, Any]) -> Iterator[str]:
    yield from _heading("API reference", "=")
    yield from ("Every operation answers in JSON or XML, by ``Accept``; errors are problems (RFC 9457).", "")
    yield from _heading("Operations", "-")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield from _heading(f"{method.upper()} {path}", "~")
                yield from _operation(operation, item.get("parameters", []))
    yield from _heading("Schemas", "-")
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _heading(name, "~")
        yield from _table((_code(member), _type(of), _needed(member, schema)) for member, of in _members(schema))


def _operation(operation: dict[str, Any], of_path: list[dict[str, Any]]) -> Iterator[str]:
    yield from (operation["summary"], "")
    if parameters := of_path + operation.get("parameters", []):
        yield from _table((_code(one["name"]), one["in"], _type(one["schema"])) for one in parameters)
    if body := operation.get("requestBody"):
        yield from (f"Body: {_content(body)}. {body['description']}", "")
    responses = operation["responses"].items()
    yield from _table((_code(status), response["description"], _content(response)) for status, response in responses)


def _content(described: dict[str, Any]) -> str:
    content = list(described.get("content", {}).values())
    return _type(content[0]["schema"]) if content else "nothing"


def _members(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(schema.get("properties", {}).items())


def _needed(member: str, schema: dict[str, Any]) -> str:
    if schema["properties"][member].get("readOnly"):
        return "in answers"
    return "always" if member in schema.get("required", []) else "optional"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"`{name}`_"
    if "enum" in schema:
        return "one of " + ", ".join(map(_code, schema["enum"]))
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"object of {_type(values)}"
    limits = {"minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most", "default": "default"}
    said = [f"{word} {schema[key]}" for key, word in limits.items() if key in schema]
    return ", ".join([schema.get("type", "any"), *said])


def _code(text: str) -> str:
    return f"``{text}``"


def _heading(text: str, line: str) -> tuple[str, ...]:
    return (text, line * len(text), "")


def _table(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield from (".. list-table::", "")
    for row in rows:
        for number, cell in enumerate(row):
            yield f"   {'*' if number == 0 else ' '} - {cell}"
    yield ""
