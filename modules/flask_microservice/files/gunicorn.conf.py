"""gunicorn's settings, the same for every service: while a service drains, its health check says so.

Any WSGI application can be taken out of a balancer so, whether it knows of draining or not.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

DRAINING = Path("/run/flask-microservice", os.environ["FLASK_MICROSERVICE_NAME"], "draining")
HEALTH_PATH = os.environ["FLASK_MICROSERVICE_HEALTH_PATH"]
USER_AGENT = "flask-microservice"


def post_worker_init(worker: Any) -> None:
    """Put the answer of a draining service before the application's own."""
    serve = worker.wsgi

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # The program that switches releases wants to know what the release can do, draining or not.
        asked = environ["PATH_INFO"] == HEALTH_PATH and environ.get("HTTP_USER_AGENT") != USER_AGENT
        if asked and DRAINING.exists():
            start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Content-Length", "9")])
            return [b"draining\n"]
        answer: Iterable[bytes] = serve(environ, start_response)
        return answer

    worker.wsgi = application
