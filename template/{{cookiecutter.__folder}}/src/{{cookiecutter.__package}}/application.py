"""The WSGI application, put together from its parts."""

import secrets
from collections.abc import Callable
from typing import Any

from flask import Flask

from . import database, health, items, log, metrics, openapi, problems
from .representations import Api
from .schemas import MAX_ID, ma
from .sessions import Sessions
from .settings import load_settings
{% if cookiecutter.upstream %}
from .upstreams import Upstream
{% endif %}


class Service(Flask):
    """A Flask application without coroutines: it looks for none among all that a request goes through."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function, as it is."""
        return func


def create_app(log_to_terminal: bool = False) -> Flask:
    """Build the application; raises SettingsError, with one message, if the site's file is wrong.

    A command run by a person logs to the terminal: run by root, it must not leave a log file that the
    service's own user can not write. Nothing is connected to yet: gunicorn's workers do that, each for itself.
    """
    settings = load_settings()
    log.configure(None if log_to_terminal else settings["log"]["file"], settings["log"]["level"])
    app = Service(__name__, static_folder=None)
    app.session_interface = Sessions()
    app.config["SETTINGS"] = settings
    app.config["MAX_CONTENT_LENGTH"] = settings["http"]["max_body"]
    app.config["SECRET_KEY"] = settings["app"]["secret_key"]
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = secrets.token_hex(32)
        app.logger.warning("[app] secret_key is empty: using a random one, so no signed value outlives this process")
    database.configure(app, settings["database"]["url"], settings["database"]["timeout"])
    ma.init_app(app)
{% if cookiecutter.upstream %}
    http = settings["http"]
    app.extensions["upstreams"] = {
        name: Upstream(name, url, http["connect_timeout"], http["timeout"], http["retries"])
        for name, url in settings["upstreams"].items()
    }
{% endif %}
    log.log_requests(app)
    metrics.measure(app)
    problems.handle_errors(app)
    app.register_blueprint(health.blueprint)
    api = Api(app)
    api.add_resource(items.ItemsResource, "/api/v1/items", endpoint="items")
    api.add_resource(items.ItemResource, f"/api/v1/items/<int(min=1,max={MAX_ID}):item_id>", endpoint="item")
    openapi.publish(app)
    return app
