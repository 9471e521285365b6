"""Every error answer is a problem (RFC 9457), in JSON or XML, with the same members wherever it comes from."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, request
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import Conflict, HTTPException, InternalServerError, ServiceUnavailable, UnprocessableEntity
from werkzeug.wrappers import Response

from . import database, trace, xml_data

logger = logging.getLogger(__name__)

PROBLEM_JSON, PROBLEM_XML = "application/problem+json", "application/problem+xml"
# What is told of a request in which very much is wrong.
MOST_ERRORS = 20


class Problem(HTTPException):
    """An HTTP error whose answer carries more than the standard members."""

    members: dict[str, Any] = {}


class Invalid(Problem, UnprocessableEntity):
    """What the client sent can be read, but says what can not be. Each of the errors names its place and the reason."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        which = "" if len(errors) <= MOST_ERRORS else f", for the first {MOST_ERRORS} of {len(errors)}"
        super().__init__(f"The request does not fit its description; errors says where{which}.")
        self.members = {"errors": errors[:MOST_ERRORS]}


class Unsuited(Problem, Conflict):
    """What the client sent fits its description, but not what there is. Names the place in the body and the reason."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__("The request does not fit what there is; errors says where.")
        self.members = {"errors": [{"pointer": pointer, "detail": detail}]}


@contextmanager
def unique(pointer: str, detail: str) -> Iterator[None]:
    """Answer 409 if what is written within breaks a unique constraint: what is there already, at POINTER in the body.

    What breaks another constraint stays a failure of the service: its schemas should not have let it in.
    """
    try:
        yield
    except IntegrityError as error:
        if not database.is_duplicate(error):
            raise
        raise Unsuited(pointer, detail) from None


@contextmanager
def unreferenced(detail: str) -> Iterator[None]:
    """Answer 409 with DETAIL if what is deleted within is a row that other rows refer to."""
    try:
        yield
    except IntegrityError as error:
        if not database.is_reference(error):
            raise
        raise Conflict(detail) from None


def answer(error: Exception) -> Response:
    """The answer to a request that ended in ERROR; a failure of ours or of an upstream is logged."""
    error = _as_http(error)
    response = error.get_response()
    if response.status_code < 400:  # A redirect, which is an exception too.
        return response
    problem = {
        "type": "about:blank",
        "title": error.name,
        "status": response.status_code,
        "detail": _fit(error.description or error.name),
        **(_fit(error.members) if isinstance(error, Problem) else {}),
        "trace_id": trace.current().trace_id,
    }
    offers = (PROBLEM_JSON, "application/json", PROBLEM_XML, "application/xml")
    if (request.accept_mimetypes.best_match(offers) or PROBLEM_JSON).endswith("xml"):
        response.data = xml_data.dumps(problem, "problem", "urn:ietf:rfc:7807", typed=False)
        response.content_type = PROBLEM_XML
    else:
        response.data = json.dumps(problem)
        response.content_type = PROBLEM_JSON
    response.vary.add("Accept")
    return response


def _fit(told: Any) -> Any:
    """What is told, each text of it short and in characters that XML has: words of clients and services are in it."""
    match told:
        case dict():
            return {name: _fit(value) for name, value in told.items()}
        case list():
            return [_fit(value) for value in told]
        case str():
            return xml_data.printable(told)
    return told


def _as_http(error: Exception) -> HTTPException:
    if isinstance(error, HTTPException):
        if error.code and error.code >= 500:
            logger.warning("%s", error.description)
        return error
    if isinstance(error, OperationalError):
        logger.error("%s", database.why(error))
        return ServiceUnavailable("The database can not be used now; the service's log says why.")
    logger.error("request failed", exc_info=error)
    return InternalServerError("The service failed; its log says why.")


def handle_errors(app: Flask) -> None:
    """Answer errors outside the Api (unknown paths, the health endpoints) in the same form."""
    app.register_error_handler(Exception, answer)
