"""Requests and answers as JSON or XML, whichever the client sends and accepts."""

import json
from contextlib import suppress
from typing import Any

import flask_restful  # type: ignore[import-untyped]
from flask import Response, current_app, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Response as AnyResponse

from . import problems, xml_data

JSON, XML = "application/json", "application/xml"
# So many bytes of a body that is too long are read all the same.
DISCARDED = 16 * 2**20


class Api(flask_restful.Api):  # type: ignore[misc]
    """Flask-RESTful's Api, with this service's forms of data and errors instead of its own."""

    def make_response(self, data: Any, status: int = 200, headers: dict[str, str] | None = None, **_: Any) -> Response:
        """The answer with DATA."""
        mediatype = accepted()
        body = xml_data.dumps(data, "answer") if mediatype == XML else json.dumps(data)
        response = Response(body, status, headers, content_type=mediatype)
        response.headers.add("Vary", "Accept")
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


def read_body() -> bytes:
    """The request's body, all of it; BadRequest if that is not what the client meant to send, or 413 if it is too long.

    Flask's own `get_data` cuts a chunked body at the limit, takes what has come of one that was aborted for the whole,
    and fails over one that the server finds broken.
    """
    limit, length = current_app.config["MAX_CONTENT_LENGTH"], request.content_length
    try:
        body = request.get_data()
        cut = length is None and len(body) == limit > 0 and request.environ["wsgi.input"].read(1)
    except RequestEntityTooLarge:
        cut = True
    except HTTPException:
        raise
    except Exception as error:  # Each server has exceptions of its own for what is wrong with a chunk.
        raise BadRequest(f"The body can not be read: {error}") from error
    if cut:
        _discard(length)
        raise RequestEntityTooLarge
    if length is not None and len(body) < length:
        raise BadRequest(f"The body ends after {len(body)} of {length} bytes.")
    return body


def _discard(length: int | None) -> None:
    """Read on for a while: whoever is still sending when the connection is closed may never see the answer."""
    left = DISCARDED if length is None else min(length, DISCARDED)
    with suppress(Exception):  # There is an answer already, whatever is wrong with the rest.
        while left > 0 and (data := request.environ["wsgi.input"].read(min(left, 65_536))):
            left -= len(data)


def load_query(schema: Schema) -> Any:
    """The query's parameters, checked by SCHEMA."""
    return _checked(schema, request.args.to_dict(), "parameter", "")


def _body() -> Any:
    try:
        if request.mimetype == JSON:
            return json.loads(read_body(), parse_constant=_no_number)
        if request.mimetype == XML:
            return xml_data.loads(read_body())
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
    return [("/".join(path), str(message)) for message in messages]
