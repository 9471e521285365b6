"""The log: JSON lines, one for each request, in a file that logrotate may move or on standard error."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, TextIO

from flask import Flask, Response, g, has_request_context, request

from . import RELEASE, trace

logger = logging.getLogger(__package__)
# Seconds for which lines may still go to a file that was moved.
LOOK_AGAIN = 0.1


class JsonLines(logging.Formatter):
    """One JSON object a record; the dictionary given as extra={"fields": ...} becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        line = _members(record.created, record.levelname.lower(), record.name, record.getMessage())
        if has_request_context():
            line["trace_id"] = trace.current().trace_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _members(created: float, level: str, name: str, message: str) -> dict[str, Any]:
    """What every line says."""
    return {
        "time": datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "logger": name,
        "message": message,
        "release": RELEASE,
    }


class Lines(logging.StreamHandler[TextIO]):
    """Writes lines to a stream. The loss of one does not become the loss of a request."""

    def emit(self, record: logging.LogRecord) -> None:
        self.write(self.format(record))

    def write(self, line: str) -> None:
        """Write a line at once."""
        self.acquire()
        try:
            self._reopen()
            self.stream.write(f"{line}\n")
            self.stream.flush()
        except Exception:  # As when the folder is gone, or the disk full; tried again at the next line.
            self.handleError(logging.makeLogRecord({"msg": line}))
        finally:
            self.release()

    def _reopen(self) -> None:
        """A stream stays what it is."""


class LogFile(Lines, WatchedFileHandler):
    """Writes lines to a file, which logrotate may move: it leaves the old one as it is for a day (delaycompress)."""

    _looked = 0.0

    def _reopen(self) -> None:
        # Not for each line: to look where the file is takes longer than to write the line.
        if time.monotonic() - self._looked > LOOK_AGAIN or not self.stream:
            self._looked = time.monotonic()
            self.reopenIfNeeded()
            self.stream = self.stream or self._open()


def configure(file: Path | None, level: str) -> None:
    """Send what this package logs to FILE; to standard error if there is none, or it can not be written."""
    warning = ""
    handler = Lines(sys.stderr)
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
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        if logger.isEnabledFor(logging.INFO):
            method, path, status = request.method, request.path, response.status_code
            duration = round((time.perf_counter() - g.started) * 1000, 1)
            line = _members(time.time(), "info", logger.name, f"{method} {path} {status}")
            line["trace_id"] = trace.current().trace_id
            line |= {"method": method, "path": path, "status": status, "duration_ms": duration}
            # As it is, and to our own handlers only: a record, with the place in the code, would take as long again.
            for handler in logger.handlers:
                if isinstance(handler, Lines):
                    handler.write(json.dumps(line))
        response.headers["X-Release"] = RELEASE
        return response
