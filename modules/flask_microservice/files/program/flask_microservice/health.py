"""The health of a service, asked on a unix socket."""

import re
import socket
import time
from pathlib import Path

from .printable import printable

ANSWER_SECONDS = 5.0
MOST = 64 * 1024
"""How many bytes of an answer are read: headers, and the start of what it says."""
TAGS = re.compile(r"<[^>]*>")
USER_AGENT = "flask-microservice"
"""How the checks of this program name themselves: they are answered by what a service can do, draining or not."""


def answer(path: Path, url_path: str) -> tuple[int, str]:
    """Ask for the health of a service; return status and the start of what it said, of a page its text.

    Not by http.client: to load it takes longer than all else that each agent run waits for here. HTTP/1.0, since then
    the end of the connection is the end of the answer.

    Raises:
        OSError: no answer, or one that is not HTTP's.
    """
    headers = f"Host: localhost\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n"
    deadline = time.monotonic() + ANSWER_SECONDS
    said = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(path))
        connection.sendall(f"GET {url_path} HTTP/1.0\r\n{headers}\r\n".encode())
        while len(said) < MOST and (more := connection.recv(MOST)):
            said += more
            connection.settimeout(max(0.001, deadline - time.monotonic()))
    head, _, body = said.partition(b"\r\n\r\n")
    protocol, _, status = head.partition(b" ")
    if not protocol.startswith(b"HTTP/") or not status[:3].isdigit():
        raise OSError(f"not HTTP: {said[:80]!r}" if said else "the connection was closed without an answer")
    text = TAGS.sub(" ", body.decode(errors="replace"))
    return int(status[:3]), printable(" ".join(text.split())[:500])


def unready(path: Path, url_path: str) -> str:
    """Return why a service is not ready, the empty string if it is."""
    try:
        status, said = answer(path, url_path)
    except OSError as error:
        return f"GET {url_path} got no answer ({error or type(error).__name__})"
    return "" if status == 200 else f"GET {url_path} answered {status}: {said}"
