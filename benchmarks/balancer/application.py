"""What the nodes of the benchmark serve: answers that take a while, and uploads."""

import time
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer /sleep/SECONDS after so long, an upload once it is there, and all else at once."""
    path = environ["PATH_INFO"]
    if path.startswith("/sleep/"):
        time.sleep(float(path.removeprefix("/sleep/")))
    while environ["REQUEST_METHOD"] == "POST" and environ["wsgi.input"].read(64 * 1024):
        pass
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]
