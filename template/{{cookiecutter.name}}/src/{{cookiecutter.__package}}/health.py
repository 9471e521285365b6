"""Health: alive, and ready to answer. Ready does not ask the upstreams: one service down must not take all down."""

from typing import Any

from flask import Blueprint

from . import NAME, VERSION
from .items import load_items

blueprint = Blueprint("health", __name__)


@blueprint.get("{{ cookiecutter.__live }}")
def live() -> dict[str, str]:
    """The process runs and answers."""
    return {"status": "live"}


@blueprint.get("{{ cookiecutter.__ready }}")
def ready() -> tuple[dict[str, Any], int]:
    """What the service answers with can be had; 503 with the reason if not."""
    who = {"name": NAME, "version": VERSION}
    try:
        load_items()
    except (OSError, ValueError) as error:
        return {"status": "not ready", "reason": f"items can not be read: {error}"} | who, 503
    return {"status": "ready"} | who, 200
