"""Health: alive, and ready to answer. Ready does not ask the upstreams: one service down must not take all down."""

from flask import Blueprint

from . import NAME, RELEASE, VERSION, database

blueprint = Blueprint("health", __name__)


@blueprint.get("{{ cookiecutter.__live }}")
def live() -> dict[str, str]:
    """Say that the process runs.
    ---
    operationId: live
    responses:
      200: {description: It runs., schema: LiveSchema}
    """
    return {"status": "live"}


@blueprint.get("{{ cookiecutter.__ready }}")
def ready() -> tuple[dict[str, str], int]:
    """Say whether requests can be answered: the database can be used, and its tables are as needed.
    ---
    operationId: ready
    responses:
      200: {description: They can., schema: ReadySchema}
      503: {description: They can not., schema: ReadySchema}
    """
    who = {"name": NAME, "version": VERSION, "release": RELEASE}
    try:
        database.require_current()
    except database.DatabaseError as error:
        return {"status": "not ready", "reason": str(error), **who}, 503
    return {"status": "ready", **who}, 200
