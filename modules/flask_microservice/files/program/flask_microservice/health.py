"""The health of a service, asked on a unix socket."""

import http.client
import socket
from pathlib import Path

ANSWER_SECONDS = 5.0
USER_AGENT = "flask-microservice"
"""How the checks of this program name themselves: they are answered by what a service can do, draining or not."""


def answer(path: Path, url_path: str) -> tuple[int, str]:
    """Ask for the health of a service; return status and the start of what it said.

    Raises:
        OSError, http.client.HTTPException: no answer.
    """
    connection = http.client.HTTPConnection("localhost", timeout=ANSWER_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.sock.connect(str(path))
        connection.request("GET", url_path, headers={"User-Agent": USER_AGENT, "Connection": "close"})
        response = connection.getresponse()
        return response.status, " ".join(response.read(500).decode(errors="replace").split())
    finally:
        connection.close()


def unready(path: Path, url_path: str) -> str:
    """Return why a service is not ready, the empty string if it is."""
    try:
        status, said = answer(path, url_path)
    except (OSError, http.client.HTTPException) as error:
        return f"GET {url_path} got no answer ({error or type(error).__name__})"
    return "" if status == http.client.OK else f"GET {url_path} answered {status}: {said}"
