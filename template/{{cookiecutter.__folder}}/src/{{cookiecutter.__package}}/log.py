"""The log: JSON lines, one for each request, in a file that logrotate may move or on standard error."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path

from flask import Flask, Response, g, has_request_context, request

from . import RELEASE, trace

logger = logging.getLogger(__package__)


class JsonLines(logging.Formatter):
    """One JSON object a record; the dictionary given as extra={"fields": ...} becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "release": RELEASE,
        }
        if has_request_context():
            line["trace_id"] = trace.current().trace_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class LogFile(WatchedFileHandler):
    """A log file whose loss does not become the loss of a request."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # Reopening failed, as when the folder is gone; tried again at the next record.
            self.handleError(record)


def configure(file: Path | None, level: str) -> None:
    """Send what this package logs to FILE; to standard error if there is none, or it can not be written."""
    warning = ""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file:
        try:
            handler = LogFile(file, encoding="utf-8")
        except OSError as error:
            warning = f"log file {file} can not be written ({error.strerror}): logging to standard error"
    handler.setFormatter(JsonLines())
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    if warning:
        logger.warning(warning)


def log_requests(app: Flask) -> None:
    """Log one line a request, and say in the answer which release gave it.

    The query string is left out: it may hold what does not belong in a log.
    """

    @app.before_request
    def start() -> None:
        g.started = time.monotonic()

    @app.after_request
    def finish(response: Response) -> Response:
        fields = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round((time.monotonic() - g.started) * 1000, 1),
        }
        logger.info("%s %s %s", request.method, request.path, response.status_code, extra={"fields": fields})
        response.headers["X-Release"] = RELEASE
        return response
