"""A service is ready when it says so on its socket, and only then."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask_microservice import health


@contextmanager
def answering(path: Path, answer: bytes, asked: list[bytes]) -> Iterator[None]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while (line := self.rfile.readline()).strip():
                asked.append(line.strip())
            self.wfile.write(answer)

    with socketserver.UnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
        (b"HTTP/1.1 503 Unavailable\r\n\r\nno\n database", "GET /ready answered 503: no database"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "GET /ready answered 302: "),
        (b"HTTP/1.1 503 Unavailable\r\n\r\n" + b"x" * 9000, "GET /ready answered 503: " + "x" * 500),
        (b"", "GET /ready got no answer (the connection was closed without an answer)"),
        (b"HTTP/1.1 what", "GET /ready got no answer (not HTTP: b'HTTP/1.1 what"),
        (b"SSH-2.0\r\n", "GET /ready got no answer (not HTTP: b'SSH-2.0"),
    ],
)
def test_why_it_is_not_ready_is_said(answer: bytes, why: str, tmp_path: Path) -> None:
    asked: list[bytes] = []
    with answering(tmp_path / "s", answer, asked):
        said = health.unready(tmp_path / "s", "/ready")
    assert said == why or (why and said.startswith(why) and len(said) < len(why) + 9), said
    assert asked[0] == b"GET /ready HTTP/1.0"
    assert b"User-Agent: flask-microservice" in asked


def test_a_socket_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    assert "No such file or directory" in health.unready(tmp_path / "s", "/ready")


def test_a_service_that_hangs_does_not_hang_the_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        assert "timed out" in health.unready(tmp_path / "s", "/ready")
