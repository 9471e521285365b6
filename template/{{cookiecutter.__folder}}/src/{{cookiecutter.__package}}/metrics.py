"""Metrics for Prometheus, counted over all processes of this service: each keeps its share in a file."""

import atexit
import os
import shutil
import tempfile

from flask import Flask

from . import NAME, RELEASE

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


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
from prometheus_client import CollectorRegistry  # noqa: E402
from prometheus_flask_exporter import PrometheusMetrics  # type: ignore[import-untyped]  # noqa: E402


def measure(app: Flask) -> None:
    """Count and time each request by the rule that it matched, and answer GET /metrics."""
    metrics = PrometheusMetrics(
        app,
        group_by="url_rule",
        excluded_paths=["^/health/"],
        registry=CollectorRegistry(),
        default_labels={"release": RELEASE},
    )
    app.extensions["metrics"] = metrics
