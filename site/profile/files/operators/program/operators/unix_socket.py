"""Something asked on a unix socket."""

import socket
import time
from pathlib import Path

MOST = 8 * 1024 * 1024
"""Bytes of an answer; more is no answer."""


def ask(path: Path, question: str, seconds: float) -> str:
    """Send something to a unix socket; return all that is answered until the other end closes it.

    Raises:
        OSError: nothing listens, the answer takes too long, or it is too long.
    """
    deadline = time.monotonic() + seconds
    said = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(question.encode())
        while more := connection.recv(65536):
            said += more
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if len(said) > MOST:
                raise OSError(f"its answer is longer than {MOST} bytes")
            connection.settimeout(left)
    return said.decode("utf-8", errors="replace")
