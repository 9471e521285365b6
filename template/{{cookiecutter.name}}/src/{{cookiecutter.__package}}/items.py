"""The resource that this service offers."""

import json
from importlib import resources
from typing import Any

from flask import current_app
from flask_restful import Resource  # type: ignore[import-untyped]

from . import NAME, VERSION
from .upstreams import fetch_items


def load_items() -> list[dict[str, Any]]:
    """The items, from items.json beside this module; ValueError or OSError if that can not be had."""
    items = json.loads((resources.files(__package__) / "items.json").read_text("utf-8"))
    if not isinstance(items, list):
        raise ValueError("items.json holds no list")
    return items


class Items(Resource):  # type: ignore[misc]
    """All items, and with them those of each upstream service."""

    def get(self) -> dict[str, Any]:
        settings = current_app.config["SETTINGS"]
        answer: dict[str, Any] = {"service": NAME, "version": VERSION, "items": load_items()}
        if upstreams := settings.get("upstreams"):
            timeout = settings["http"]["timeout"]
            answer["upstreams"] = {name: fetch_items(name, url, timeout) for name, url in upstreams.items()}
        return answer
