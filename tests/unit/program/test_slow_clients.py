"""Clients that send slowly keep nobody else from a service, and are served themselves if they come to an end."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from gunicorn_service import HEALTH, Served
from waiting import wait_for

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
SLOW = {
    "headers": b"GET / HTTP/1.1\r\nHost: a\r\nX: y",
    "empty lines": b"\r\n\r\n",
    "a body": POST + b"Content-Length: 1000\r\n\r\nx",
    "a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nx",
    "a chunk that looks like the end": POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n\r\n0\r\n\r\n",
    "trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
    "a long body": POST + b"Content-Length: 100000000\r\n\r\nx",
    "a long chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\nx",
    "a body that is asked for": POST + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    "a length in other words": POST + b"cOntent-lengtH  :   10  \r\n\r\nx",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 10\r\n\r\nabc",
    "a length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\n",
}
"""Requests of which the end does not come. Some of them gunicorn refuses, which keeps no thread."""

WHOLE = {
    "a body": (POST + b"Content-Length: 5\r\n\r\nhello", b"5\n"),
    "chunks": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nB\r\n01234\r\n\r\n78\r\n0\r\n\r\n",
        b"16\n",
    ),
    "trailers": (POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n000\r\nA: b\r\n\r\n", b"1\n"),
    "no body": (b"\r\nGET / HTTP/1.1\r\nHost: a\r\nX-Content-Length: 7\r\n\r\n", b"ok\n"),
    "an empty body": (POST + b"Content-Length: 0\r\n\r\n", b"0\n"),
}


@contextmanager
def clients(served: Served, number: int, text: bytes) -> Iterator[list[socket.socket]]:
    """So many that each send this, and no more."""
    opened = [served.send(text) for _ in range(number)]
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


def answer(client: socket.socket) -> bytes:
    """Return the body of an answer."""
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        read = client.recv(1)
        assert read, f"the connection is closed after {said!r}"
        said += read
    assert said.startswith(b"HTTP/1.1 200 "), said
    (length,) = re.findall(rb"\r\nContent-Length: (\d+)\r\n", said)
    body = b""
    while len(body) < int(length):
        read = client.recv(int(length) - len(body))
        assert read, "the connection is closed"
        body += read
    return body


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_keep_nobody_waiting(serve: Callable[..., Served], kind: str) -> None:
    """As many as there are threads had a service for themselves, for as long as they liked."""
    served = serve(threads=4)
    with clients(served, 16, SLOW[kind]):
        began = time.monotonic()
        for _ in range(20):
            assert served.get("/") == (200, "ok\n")
        # Three requests at a time are served still.
        served.ask("/held-1", "/held-2", "/held-3")
        wait_for(lambda: served.begun() == 3, "they have begun")
        assert served.get(HEALTH) == (200, "ok\n")
        assert time.monotonic() - began < 8
        assert served.let_go() == [200, 200, 200]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_request_that_comes_in_pieces_is_served_once_it_is_there(serve: Callable[..., Served], kind: str) -> None:
    request, said = WHOLE[kind]
    served = serve(threads=1)
    client = served.connect()
    for _ in range(2):
        for number in range(len(request)):
            client.sendall(request[number : number + 1])
        assert answer(client) == said
    client.sendall(request * 3)
    assert [answer(client) for _ in range(3)] == [said] * 3


def test_a_long_body_is_served_and_its_connection_goes_on(serve: Callable[..., Served]) -> None:
    served = serve(threads=2)
    size = 3_000_000
    client = served.send(POST + b"Content-Length: %d\r\n\r\n" % size)
    for _ in range(size // 1000):
        client.sendall(b"x" * 1000)
    assert answer(client) == b"%d\n" % size
    client.sendall(POST + b"Content-Length: 2\r\n\r\nhi")
    assert answer(client) == b"2\n"
    client.sendall(POST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size + POST + b"Content-Length: 1\r\n\r\nx")
    assert [answer(client), answer(client)] == [b"%d\n" % size, b"1\n"]


def test_a_body_that_is_asked_for_is_asked_for(serve: Callable[..., Served]) -> None:
    """curl waits for that before it sends one."""
    served = serve(threads=2)
    client = served.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
    client.sendall(b"hello")
    assert answer(client) == b"5\n"


@pytest.mark.parametrize("kind", ["headers", "a body", "a chunk"])
def test_a_request_that_does_not_come_in_time_is_over(serve: Callable[..., Served], kind: str) -> None:
    """However often its client sends something."""
    served = serve(threads=2, seconds=1)
    client = served.send(SLOW[kind])
    began = time.monotonic()
    client.settimeout(0.1)
    while time.monotonic() - began < 10:
        try:
            client.sendall(b"y")
            if client.recv(100) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    assert time.monotonic() - began < 5


def test_a_long_body_that_comes_too_slowly_is_over_and_leaves_its_place_to_others(serve: Callable[..., Served]) -> None:
    served = serve(threads=1, seconds=1)
    slow = served.send(SLOW["a long body"])
    other = served.send(POST + b"Content-Length: 70000\r\n\r\n" + b"x" * 70000)
    assert answer(other) == b"70000\n"
    slow.settimeout(5)
    assert slow.recv(4096) == b"" or slow.recv(4096) == b""


def test_long_bodies_for_which_there_is_no_place_are_answered(serve: Callable[..., Served]) -> None:
    served = serve(threads=4)
    with clients(served, 2, SLOW["a long body"]) as (_, second):
        said = second.recv(4096)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 5\r\n" in said
    assert said.endswith(b"\r\n\r\nToo many uploads at a time.\n")


def test_all_workers_share_the_threads_for_long_bodies(serve: Callable[..., Served]) -> None:
    """Two thirds of a service could be in the hands of slow clients otherwise, or none of it for uploads."""
    served = serve(workers=4, threads=1)
    with clients(served, 12, SLOW["a long body"]):
        served.ask("/held-1", "/held-2", "/held-3")
        wait_for(lambda: served.begun() == 3, "three of four workers serve others")
        assert served.let_go() == [200, 200, 200]


@pytest.mark.parametrize("kind", ["headers", "a long body"])
def test_connections_without_a_whole_request_make_room_for_one_with_it(serve: Callable[..., Served], kind: str) -> None:
    served = serve(threads=2, connections=20)
    with clients(served, 60, SLOW[kind]):
        began = time.monotonic()
        for _ in range(5):
            assert served.get("/") == (200, "ok\n")
        assert time.monotonic() - began < 10


def test_a_request_that_has_begun_to_come_is_served_by_a_service_that_stops(serve: Callable[..., Served]) -> None:
    """Each switch would lose those that are on their way."""
    served = serve(threads=1)
    request = POST + b"Content-Length: 5\r\n\r\nhello"
    client = served.send(request[:-3])
    assert served.get("/") == (200, "ok\n")
    served.process.terminate()
    time.sleep(0.5)
    client.sendall(request[-3:])
    assert answer(client) == b"5\n"
