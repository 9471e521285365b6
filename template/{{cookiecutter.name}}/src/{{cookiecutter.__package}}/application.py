"""The WSGI application, put together from its parts."""

import secrets

from flask import Flask

from . import health, items, log, problems
from .settings import load_settings


def create_app(log_to_terminal: bool = False) -> Flask:
    """Build the application; raises SettingsError, with one message, if the site's file is wrong.

    A command run by a person logs to the terminal: run by root, it must not leave a log file that the
    service's own user can not write.
    """
    settings = load_settings()
    log.configure(None if log_to_terminal else settings["log"]["file"], settings["log"]["level"])
    app = Flask(__name__, static_folder=None)
    app.config["SETTINGS"] = settings
    app.config["SECRET_KEY"] = settings["app"]["secret_key"]
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = secrets.token_hex(32)
        app.logger.warning("[app] secret_key is empty: using a random one, so no signed value outlives this process")
    log.log_requests(app)
    problems.handle_errors(app)
    app.register_blueprint(health.blueprint)
    api = problems.Api(app)
    api.add_resource(items.Items, "/api/v1/items")
    return app
