"""A body that does not arrive as it was meant is the client's error, whatever is wrong with it; sent as on a node."""

import json
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

LAMP = b'{"name": "lamp", "kind": "goods", "category": "general"}'
LIMIT = 1_048_576  # As default_config.ini has it.
CHUNKED = b"Transfer-Encoding: chunked"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunks(data: bytes, size: int) -> bytes:
    return b"".join(chunk(data[start : start + size]) for start in range(0, len(data), size)) + b"0\r\n\r\n"


def post(url: str, header: bytes, body: bytes) -> tuple[int, dict[str, object]]:
    """Send a request as it is, and no more after it; the status of the answer, and what it says."""
    where = urlsplit(url)
    with socket.create_connection((str(where.hostname), where.port or 80), timeout=30) as connection:
        head = b"POST /api/v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        connection.sendall(head + header + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    said, _, text = answer.partition(b"\r\n\r\n")
    return int(said.split()[1]), json.loads(text)


# By what is wrong with it: the header that says how long the body is, the body, and the status of the answer.
BODIES = {
    "nothing": (CHUNKED, chunks(LAMP, 7), 201),
    "nothing, with trailers": (CHUNKED, chunk(LAMP) + b"0\r\nX-Sum: 1\r\n\r\n", 201),
    "nothing, at the limit": (CHUNKED, chunks(LAMP.ljust(LIMIT), 100_000), 201),
    "a size that is none": (CHUNKED, b"xyz\r\n" + LAMP, 400),
    "a size without end": (CHUNKED, b"0" * 10_000, 400),
    "an extension that is none": (CHUNKED, b"%x;=\r\n%s\r\n0\r\n\r\n" % (len(LAMP), LAMP), 400),
    "a chunk longer than it says": (CHUNKED, b"%x\r\n%sXX0\r\n\r\n" % (len(LAMP), LAMP), 400),
    "a trailer that is none": (CHUNKED, chunk(LAMP) + b"0\r\nno trailer\r\n\r\n", 400),
    "lines that end otherwise": (CHUNKED, chunk(LAMP) + b"0\nX: 1\n\n", 400),
    "trailers without end": (CHUNKED, chunk(LAMP) + b"0\r\n" + b"X: 1\r\n" * 100_000, 400),
    "aborted within a chunk": (CHUNKED, b"ff\r\n" + LAMP, 400),
    "aborted between chunks": (CHUNKED, chunk(LAMP), 400),
    "aborted before its end": (b"Content-Length: %d" % (len(LAMP) + 5), LAMP, 400),
    "beyond the limit, cut it would do": (CHUNKED, chunks(LAMP.ljust(LIMIT + 1), 100_000), 413),
    "beyond the limit, in one chunk": (CHUNKED, chunks(LAMP.ljust(2 * LIMIT), 2 * LIMIT), 413),
    "beyond the limit, and it says so": (b"Content-Length: %d" % (2 * LIMIT), LAMP.ljust(2 * LIMIT), 413),
}


@pytest.mark.slow
def test_what_is_wrong_with_a_body_is_told_the_client_and_nothing_else_happens(
    server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    url, _ = server
    statuses = {name: post(url, header, body) for name, (header, body, _) in BODIES.items()}
    assert {name: status for name, (status, _) in statuses.items()} == {
        name: status for name, (_, _, status) in BODIES.items()
    }
    for name, (status, said) in statuses.items():
        assert status == 201 or said["status"] == status, name
        assert len(str(said)) < 1000, name
    lines = [json.loads(line) for line in (tmp_path / "service.log").read_text().splitlines()]
    assert [line for line in lines if "exception" in line] == []
    last = max(int(str(said["id"])) for status, said in statuses.values() if status == 201)
    assert requests.get(f"{url}/api/v1/items/{last}", timeout=10).json()["name"] == "lamp"
    assert requests.get(f"{url}/api/v1/items/{last + 1}", timeout=10).status_code == 404
