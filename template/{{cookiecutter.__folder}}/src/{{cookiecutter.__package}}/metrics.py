"""Metrics for Prometheus, counted over all processes of this service: each keeps its share in a file."""

import atexit
import os
import shutil
import tempfile
import time
from functools import cache

from flask import Flask, Response, g, request

from . import NAME, RELEASE

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}


def _set_up_directory() -> None:
    """A folder for the files, new with each start: what an earlier start counted is not this one's.

    gunicorn loads the application before its workers (--preload), so that all of them have it. The file of a worker
    that dies stays: what it counted has happened. The folder goes with the process that made it.
    """
    if DIRECTORY_VARIABLE in os.environ:
        return
    directory, owner = tempfile.mkdtemp(prefix=f"{NAME}-metrics-"), os.getpid()
    os.environ[DIRECTORY_VARIABLE] = directory
    atexit.register(lambda: shutil.rmtree(directory, ignore_errors=True) if os.getpid() == owner else None)


# The library looks for the folder when it is imported.
_set_up_directory()
from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess  # noqa: E402
from prometheus_client.exposition import choose_encoder  # noqa: E402

# Their names are those of prometheus-flask-exporter, which dashboards and alerts know.
_total = Counter(
    "flask_http_request_total",
    "Total number of HTTP requests",
    ("method", "status", "release"),
    registry=None,
)
_duration = Histogram(
    "flask_http_request_duration_seconds",
    "Flask HTTP request duration in seconds",
    ("method", "url_rule", "status", "release"),
    registry=None,
)


def measure(app: Flask) -> None:
    """Count and time each request by the rule that it matched, and answer GET /metrics."""

    @app.after_request
    def count(response: Response) -> Response:
        # Not what only looks after the service: it would hide what its clients get.
        if not request.path.startswith("/health/") and request.endpoint != "metrics":
            # Clients make up as many methods as they like, and each label takes memory until the service ends.
            method = request.method if request.method in METHODS else "other"
            total, duration = _of(method, str(request.url_rule), response.status_code)
            total.inc()
            duration.observe(time.perf_counter() - g.started)
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type)


@cache
def _of(method: str, rule: str, status: int) -> tuple[Counter, Histogram]:
    """The count and the times of one kind of request: looked up once, as there are few kinds."""
    return _total.labels(method, status, RELEASE), _duration.labels(method, rule, status, RELEASE)
