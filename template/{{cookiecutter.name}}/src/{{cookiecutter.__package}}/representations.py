"""Requests and answers as JSON or XML, whichever the client sends and accepts."""

import json
from typing import Any

import flask_restful  # type: ignore[import-untyped]
from flask import Response, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import BadRequest, NotAcceptable, UnsupportedMediaType
from werkzeug.wrappers import Response as AnyResponse

from . import problems, xml_data

JSON, XML = "application/json", "application/xml"


class Api(flask_restful.Api):  # type: ignore[misc]
    """Flask-RESTful's Api, with this service's forms of data and errors instead of its own."""

    def make_response(self, data: Any, status: int = 200, headers: dict[str, str] | None = None, **_: Any) -> Response:
        """The answer with DATA."""
        mediatype = accepted()
        body = xml_data.dumps(data, "answer") if mediatype == XML else json.dumps(data)
        response = Response(body, status, headers, content_type=mediatype)
        response.vary.add("Accept")
        return response

    def handle_error(self, error: Exception) -> AnyResponse:
        """The answer to a request that ended in ERROR."""
        return problems.answer(error)


class Resource(flask_restful.Resource):  # type: ignore[misc]
    """A resource that does nothing for a client that could not read the answer."""

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """Answer the request."""
        accepted()
        return super().dispatch_request(*args, **kwargs)


def accepted() -> str:
    """The form that the client likes best; NotAcceptable if it wants neither. Without a wish it is JSON."""
    if not request.accept_mimetypes:
        return JSON
    best = request.accept_mimetypes.best_match((JSON, XML))
    if not best:
        raise NotAcceptable(f"Accept names neither {JSON} nor {XML}, which are what there is.")
    return best


def load_body(schema: Schema) -> Any:
    """The request's body, checked by SCHEMA."""
    return _checked(schema, _body(), "pointer", "#/")


def load_query(schema: Schema) -> Any:
    """The query's parameters, checked by SCHEMA."""
    return _checked(schema, request.args.to_dict(), "parameter", "")


def _body() -> Any:
    try:
        if request.mimetype == JSON:
            return json.loads(request.get_data(), parse_constant=_no_number)
        if request.mimetype == XML:
            return xml_data.loads(request.get_data())
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not {request.mimetype}: {error}") from None
    raise UnsupportedMediaType(f"Content-Type must be {JSON} or {XML}.")


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _checked(schema: Schema, data: Any, kind: str, prefix: str) -> Any:
    try:
        return schema.load(data)
    except ValidationError as error:
        raise problems.Invalid(
            [{kind: prefix + path, "detail": detail} for path, detail in _flat(error.messages)]
        ) from None


def _flat(messages: Any, path: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Each message of marshmallow's nested ones, with the way to its field; of the whole, that is empty."""
    if isinstance(messages, dict):
        return [
            found
            for name, below in messages.items()
            for found in _flat(below, path if name == "_schema" else (*path, str(name)))
        ]
    # A field's name is what the client sent: it may hold anything.
    way = xml_data.NOT_XML.sub("\N{REPLACEMENT CHARACTER}", "/".join(path))
    return [(way, str(message)) for message in messages]
