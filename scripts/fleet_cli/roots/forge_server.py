"""Serve a Forge mirror's directory over HTTP: `python3 forge_server.py DIRECTORY PORT`, on loopback.

Standard library only: the lab runs this file on its Puppet server too, before anything else is installed there.
"""

import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


class Handler(BaseHTTPRequestHandler):
    """Answers GET for the files below a root; what is not an archive is JSON."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, root: Path, **keywords: Any) -> None:
        self.root = root.resolve()
        super().__init__(*arguments, **keywords)

    def do_GET(self) -> None:
        """Send a file, or the Forge's way of saying that there is none."""
        path = (self.root / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if path.is_relative_to(self.root / "v3") and path.is_file():
            status, body = 200, path.read_bytes()
        else:
            status, body = (
                404,
                b'{"message": "404 Not Found", "errors": ["The resource could not be found."]}',
            )
        kind = "application/octet-stream" if status == 200 and path.suffix == ".gz" else "application/json"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet: r10k says what it could not get."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), partial(Handler, root=Path(sys.argv[1]))).serve_forever()
