"""Every error answer is a problem in JSON (RFC 9457), with the same members wherever it comes from."""

import json
import logging

import flask_restful  # type: ignore[import-untyped]
from flask import Flask
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

logger = logging.getLogger(__name__)


class Problem(HTTPException):
    """An HTTP error whose answer carries more than the standard members."""

    members: dict[str, str] = {}


class Api(flask_restful.Api):  # type: ignore[misc]
    """Flask-RESTful's Api, with this service's form of an error instead of its own."""

    def handle_error(self, error: Exception) -> Response:
        return answer(error)


def answer(error: Exception) -> Response:
    """The answer to a request that ended in ERROR; a failure of ours or of an upstream is logged."""
    if not isinstance(error, HTTPException):
        logger.error("request failed", exc_info=error)
        error = InternalServerError("The service failed; its log says why.")
    response = error.get_response()
    if response.status_code < 400:  # A redirect, which is an exception too.
        return response
    members = error.members if isinstance(error, Problem) else {}
    if members:
        logger.warning("%s", error.description)
    response.data = json.dumps(
        {
            "type": "about:blank",
            "title": error.name,
            "status": response.status_code,
            "detail": error.description,
        }
        | members
    )
    response.content_type = "application/problem+json"
    return response


def handle_errors(app: Flask) -> None:
    """Answer errors outside the Api (unknown paths, the health endpoints) in the same form."""
    app.register_error_handler(Exception, answer)
