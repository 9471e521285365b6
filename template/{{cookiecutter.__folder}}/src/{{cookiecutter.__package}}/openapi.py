"""The description of the API (OpenAPI), made from what answers it: routes, docstrings and schemas.

Below the line `---` a docstring holds its operation in YAML, in which `schema` stands for the content in all forms.
What every operation has in common is added here.
"""

import inspect
import re
from typing import Any

from flask import Flask, current_app
from werkzeug.routing import Rule

from . import NAME, VERSION, problems, schemas
from .representations import JSON, XML, Resource

# What may go wrong with any request to the API, with those that have a query, a path or a body, and with a removal.
PROBLEMS = {
    "406": "Accept names neither JSON nor XML.",
    "500": "The service failed.",
    "503": "The database can not be used.",
}
QUERY_PROBLEMS = {"422": "A parameter is wrong."}
PATH_PROBLEMS = {"404": "There is no such thing."}
BODY_PROBLEMS = {
    "400": "The body can not be read.",
    "409": "The body does not fit what there is.",
    "413": "The body is too large.",
    "415": "The body is in another form than JSON or XML.",
    "422": "The body does not fit its schema.",
}
DELETE_PROBLEMS = {"409": "Something else refers to it."}


def describe(app: Flask) -> dict[str, Any]:
    """The OpenAPI document."""
    # Not at the head of the file: no other request needs them.
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin

    spec = APISpec(
        title=NAME,
        version=VERSION,
        openapi_version="3.0.3",
        info={"description": "{{ cookiecutter.description }}."},
        plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
    )
    spec.components.schema("Problem", schema=schemas.ProblemSchema)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if operations := _operations(app, rule):
            path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
            parameters = [_path_parameter(name) for name in sorted(rule.arguments)]
            spec.path(path, operations=operations, parameters=parameters)
    document: dict[str, Any] = spec.to_dict()
    return document


def publish(app: Flask) -> None:
    """Answer GET /openapi.json."""

    @app.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        return describe(current_app)


def _operations(app: Flask, rule: Rule) -> dict[str, Any]:
    from apispec.yaml_utils import load_yaml_from_docstring

    view = app.view_functions[rule.endpoint]
    kind = getattr(view, "view_class", None)
    operations = {}
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        handler = getattr(kind, method.lower()) if kind else view
        if operation := load_yaml_from_docstring(handler.__doc__ or ""):
            resource = kind is not None and issubclass(kind, Resource)
            summary = (inspect.getdoc(handler) or "").partition("\n")[0]
            operations[method.lower()] = {"summary": summary} | _complete(operation, rule, resource, method)
    return operations


def _complete(operation: dict[str, Any], rule: Rule, resource: bool, method: str) -> dict[str, Any]:
    responses = {str(status): response for status, response in operation["responses"].items()}
    for response in responses.values():
        if schema := response.pop("schema", None):
            response["content"] = {form: {"schema": schema} for form in ((JSON, XML) if resource else (JSON,))}
    if body := operation.get("requestBody"):
        # In XML all is text, which a schema of its members' types does not describe.
        body["description"] = f"In JSON, or as {XML}: an element for each member."
        body["content"] = {JSON: {"schema": body.pop("schema")}}
        body["required"] = True
    if resource:
        expected = dict(PROBLEMS)
        expected |= QUERY_PROBLEMS if "parameters" in operation else {}
        expected |= PATH_PROBLEMS if rule.arguments else {}
        expected |= BODY_PROBLEMS if "requestBody" in operation else {}
        expected |= DELETE_PROBLEMS if method == "DELETE" else {}
        for status, description in expected.items():
            responses.setdefault(status, _problem(description))
    return operation | {"responses": dict(sorted(responses.items()))}


def _problem(description: str) -> dict[str, Any]:
    forms = (problems.PROBLEM_JSON, problems.PROBLEM_XML)
    return {"description": description, "content": {form: {"schema": "Problem"} for form in forms}}


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": schemas.MAX_ID}
    return {"in": "path", "name": name, "required": True, "schema": schema}


def _schema_name(schema: Any) -> str:
    name = schema if isinstance(schema, str) else getattr(schema, "__name__", type(schema).__name__)
    return str(name).removesuffix("Schema")
