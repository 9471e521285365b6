"""A request that has begun, and goes on until it is told to end."""

import http.client
import socket
from types import TracebackType
from urllib.parse import urlsplit

BODY = b"{" + b" " * 256 * 1024
"""No JSON, so that it changes nothing: a service answers 400 once it has all of it.

It is longer than what is gathered before a request takes a thread, and its half is enough of a pace for two minutes.
"""


class Upload:
    """A POST of which a service has the first half, from `with` to `finish`."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), address.port or 80), 120)
        head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        half = len(BODY) // 2
        self._rest = BODY[half:]
        self._socket.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:half])

    def __enter__(self) -> "Upload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def finish(self) -> tuple[int, str]:
        """Send the rest; return the status of the answer, and which release gave it.

        Raises:
            OSError, http.client.HTTPException: it was cut off.
        """
        self._socket.sendall(self._rest)
        answer = http.client.HTTPResponse(self._socket, method="POST")
        answer.begin()
        return answer.status, answer.headers["X-Release"]
