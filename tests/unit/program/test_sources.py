"""No source has a service for itself: what others ask is served while one of them does its worst."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from gunicorn_service import HEALTH, Served
from network import SERVER, SERVER_6, Network
from waiting import wait_for

ATTACKER, OTHER = "192.0.2.66", "192.0.2.7"
NUMBER = 64
THREADS = {"workers": 2, "threads": 8}
"""The module's defaults. Three quarters of these serve one source: 12; a quarter, long bodies: 4."""
MOST = 12
AT_ONCE = 3.0
"""Seconds, on a busy machine."""
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
ENDLESS = POST + b"Content-Length: 100000000\r\n\r\n"
LONG = POST + b"Content-Length: 70000\r\n\r\n" + b"x" * 70000


class Attacked:
    """A service that listens in a network of its own, and clients there."""

    def __init__(self, network: Network, serve: Callable[..., Served], address: str = SERVER) -> None:
        self._network = network
        self._serve = serve
        self.address = address

    def start(self, listens: str = "", **settings: int) -> Served:
        """Start it; what asks without a source is a balancer at first."""
        with self._network.listen(listens or self.address) as listener:
            self._port = listener.getsockname()[1]
            first = partial(self.connect, OTHER if ":" not in self.address else "2001:db8:0:2::1")
            return self._serve(listener=listener, connect=first, **{**THREADS, **settings})

    def connect(self, source: str) -> socket.socket:
        return self._network.connect(source, self.address, self._port)

    def send(self, source: str, request: bytes) -> socket.socket:
        connection = self.connect(source)
        connection.sendall(request)
        return connection

    def ask(self, source: str, request: bytes) -> tuple[int, float]:
        """Return the status of the answer, and after how many seconds it was there: 0 if there is none."""
        began = time.monotonic()
        with self.send(source, request) as client:
            status, _ = answer(client)
        return status, time.monotonic() - began

    def get(self, source: str, path: str = "/") -> tuple[int, float]:
        return self.ask(source, get(path))


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def answer(client: socket.socket) -> tuple[int, int]:
    """Return an answer's status, and how many bytes came after its headers; 0 if there is none."""
    said = b""
    try:
        while more := client.recv(1 << 16):
            said += more
            length = re.search(rb"\r\nContent-Length: (\d+)\r\n", said)
            if length and len(said) - said.find(b"\r\n\r\n") - 4 >= int(length[1]):
                break
    except OSError:
        return 0, len(said)
    return (int(said[9:12]) if said else 0), len(said) - said.find(b"\r\n\r\n") - 4


@pytest.fixture
def attacked(serve: Callable[..., Served]) -> Iterator[Attacked]:
    with Network() as network:
        yield Attacked(network, serve)


@contextmanager
def held(attacked: Attacked, source: str, requests: list[bytes]) -> Iterator[list[socket.socket]]:
    """A connection of a source for each of these requests."""
    opened = [attacked.send(source, request) for request in requests]
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


@contextmanager
def trickling(attacked: Attacked, source: str, begin: bytes) -> Iterator[None]:
    """Clients that each send the begin of a request and then little; who is turned away comes again."""
    over = threading.Event()

    def attack() -> None:
        opened: list[socket.socket] = []
        while not over.wait(0.2):
            while len(opened) < NUMBER:
                opened.append(attacked.send(source, begin))
            for one in list(opened):
                try:
                    one.sendall(b"x")
                except OSError:
                    opened.remove(one)
                    one.close()
        for one in opened:
            one.close()

    attacker = threading.Thread(target=attack)
    attacker.start()
    time.sleep(1)
    try:
        yield
    finally:
        over.set()
        attacker.join()


def all_at_once(attacked: Attacked, source: str, request: bytes) -> None:
    for _ in range(5):
        status, took = attacked.ask(source, request)
        assert status == 200
        assert took < AT_ONCE


def test_slow_uploads_of_one_source_keep_no_other_from_uploading(attacked: Attacked) -> None:
    attacked.start()
    with trickling(attacked, ATTACKER, ENDLESS):
        all_at_once(attacked, OTHER, LONG)


@pytest.mark.parametrize("path", ["/large-16", "/file"])
def test_slow_readers_of_one_source_keep_no_other_waiting_and_lose_their_threads(
    attacked: Attacked, path: str, tmp_path: Path
) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(16 << 20)
    served = attacked.start(seconds=1)
    with held(attacked, ATTACKER, [get(path)] * NUMBER) as clients:
        all_at_once(attacked, OTHER, get("/"))
        # Each gets a thread in its turn, for as long as it may do nothing.
        wait_for(lambda: len(served.served()) >= NUMBER, "all have had one")
        assert attacked.get(ATTACKER)[0] == 200
        time.sleep(4)
        assert 0 < answer(clients[0])[1] < 16 << 20


@pytest.mark.parametrize("path", ["/large-16", "/file"])
def test_an_answer_is_sent_whole_to_who_takes_it_slowly(attacked: Attacked, path: str, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(16 << 20)
    attacked.start(seconds=2)
    with attacked.send(OTHER, get(path)) as client:
        said = b""
        while more := client.recv(1 << 20):
            said += more
            if len(said) % (2 << 20) < len(more):  # every now and then, for less than it may
                time.sleep(1)
    # Each part of one without a length has its length before it.
    assert said.count(b"\0" if path == "/file" else b"~") == 16 << 20


def test_an_application_may_take_its_time_for_the_parts_of_an_answer(attacked: Attacked) -> None:
    attacked.start(seconds=1)
    with attacked.send(OTHER, get("/stream")) as client:
        assert answer(client)[0] == 200


@pytest.mark.parametrize(("workers", "threads", "most"), [(2, 8, MOST), (4, 1, 3)])
def test_slow_answers_for_one_source_keep_no_other_waiting(
    attacked: Attacked, workers: int, threads: int, most: int
) -> None:
    served = attacked.start(workers=workers, threads=threads)
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]) as clients:
        wait_for(lambda: served.begun() == most, "it has its share")
        all_at_once(attacked, OTHER, get("/"))
        assert attacked.get(ATTACKER, HEALTH)[0] == 200
        assert served.begun() == most
        served.let_go()
        assert [answer(client)[0] for client in clients] == [200] * NUMBER


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", LONG], ids=["short", "long"])
def test_a_kept_connection_of_another_source_is_served_wherever_it_is(attacked: Attacked, request_: bytes) -> None:
    """Its worker may be one that serves the attacker alone."""
    served = attacked.start(workers=4, threads=2)
    kept = [attacked.connect(OTHER) for _ in range(16)]
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]):
        wait_for(lambda: served.begun() == 6, "it has its share")
        for client in kept:
            began = time.monotonic()
            client.sendall(request_)
            assert answer(client)[0] == 200
            assert time.monotonic() - began < AT_ONCE
        served.let_go()


@pytest.mark.parametrize("attempt", range(3))
def test_a_worker_that_has_just_begun_is_counted(attacked: Attacked, attempt: int) -> None:
    """Workers that had not seen it yet left it out, and the attacker had all threads."""
    served = attacked.start(workers=4, threads=2)
    log = served.directory / "log"
    wait_for(lambda: log.read_text().count("Booting worker") == 4, "all have begun")
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
    os.kill(int(children[attempt]), signal.SIGKILL)
    wait_for(lambda: log.read_text().count("Booting worker") == 5, "another one begins")
    assert attacked.get(OTHER)[0] == 200
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]):
        wait_for(lambda: served.begun() >= 6, "it has its share")
        all_at_once(attacked, OTHER, get("/"))
        assert served.begun() == 6
        served.let_go()


def test_a_balancer_has_no_share_and_no_restart_is_needed_to_say_who_is_one(attacked: Attacked, tmp_path: Path) -> None:
    served = attacked.start()
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]) as clients:
        wait_for(lambda: served.begun() == MOST, "it has a source's share")
        (tmp_path / "balancers").write_text("# Balancers.\nno address\n192.0.2.64/30\n")
        wait_for(lambda: served.begun() == 16, "it has all threads")
        served.let_go()
        assert [answer(client)[0] for client in clients] == [200] * NUMBER
    for file in served.directory.glob("held*"):
        file.unlink()
    (tmp_path / "go").unlink()
    (tmp_path / "balancers").unlink()
    time.sleep(2.5)
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]):
        wait_for(lambda: served.begun() == MOST, "it is one no more")
        all_at_once(attacked, OTHER, get("/"))
        served.let_go()


def test_all_sources_together_leave_some_to_balancers(attacked: Attacked, tmp_path: Path) -> None:
    """A machine with addresses of IPv4 and IPv6 is two, which could have all threads and places for uploads."""
    (tmp_path / "balancers").write_text(f"{OTHER}\n")
    served = attacked.start()
    with trickling(attacked, ATTACKER, ENDLESS), trickling(attacked, "192.0.2.67", ENDLESS):
        all_at_once(attacked, OTHER, LONG)
    others = [("192.0.2.67", get(f"/held-b{number}")) for number in range(NUMBER)]
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]) as clients:
        clients += [attacked.send(source, request) for source, request in others]
        wait_for(lambda: served.begun() == 14, "they have their share")
        all_at_once(attacked, OTHER, get("/"))
        assert served.begun() == 14
        served.let_go()
        assert [answer(client)[0] for client in clients] == [200] * 2 * NUMBER


def test_a_network_of_64_bits_is_one_source_and_a_balancer_in_it_is_none_of_it(
    attacked: Attacked, tmp_path: Path
) -> None:
    (tmp_path / "balancers").write_text("2001:db8:0:1::2\n")
    attacked.address = SERVER_6
    served = attacked.start()
    with held(attacked, "2001:db8:0:1::1", [get(f"/held-{number}") for number in range(NUMBER)]):
        wait_for(lambda: served.begun() == MOST, "it has its share")
        all_at_once(attacked, "2001:db8:0:2::1", get("/"))
        all_at_once(attacked, "2001:db8:0:1::2", get("/"))
        (tmp_path / "balancers").unlink()
        time.sleep(2.5)
        with attacked.send("2001:db8:0:1::2", get("/")) as neighbour:
            neighbour.settimeout(1)
            with pytest.raises(TimeoutError):
                neighbour.recv(1)
            served.let_go()
            neighbour.settimeout(20)
            assert answer(neighbour)[0] == 200


def test_an_ipv4_address_is_the_same_source_at_a_port_for_both(attacked: Attacked, tmp_path: Path) -> None:
    (tmp_path / "balancers").write_text("192.0.2.8\n")
    served = attacked.start(listens="::")
    with held(attacked, ATTACKER, [get(f"/held-{number}") for number in range(NUMBER)]):
        wait_for(lambda: served.begun() == MOST, "it has its share")
        all_at_once(attacked, OTHER, get("/"))
        with held(attacked, "192.0.2.8", [get(f"/held-b{number}") for number in range(4)]):
            wait_for(lambda: served.begun() == 16, "the balancer has all the others")
            served.let_go()


def test_whoever_is_on_the_machine_is_one_source_at_any_address(attacked: Attacked) -> None:
    """A program there can have as many of 127.0.0.0/8 as it likes."""
    served = attacked.start(listens="::")
    own = [SERVER, *(f"127.0.0.{number}" for number in range(1, 9))]
    opened = [attacked.send(own[number % len(own)], get(f"/held-{number}")) for number in range(NUMBER)]
    attacked.address = "127.0.0.1"
    opened += [attacked.send(OTHER, get(f"/held-a{number}")) for number in range(4)]
    attacked.address = SERVER
    wait_for(lambda: served.begun() == MOST, "it has its share")
    all_at_once(attacked, OTHER, get("/"))
    served.let_go()
    assert [answer(client)[0] for client in opened] == [200] * len(opened)


@pytest.mark.parametrize("begin", [b"GET / HTTP/1.1\r\nX: y", get("/held-1")], ids=["begun requests", "whole requests"])
def test_one_source_with_many_connections_pushes_out_its_own(attacked: Attacked, begin: bytes) -> None:
    served = attacked.start(connections=40)
    client = attacked.send(OTHER, POST + b"Connection: close\r\nContent-Length: 5\r\n\r\nhe")
    with held(attacked, ATTACKER, [begin] * 200):
        all_at_once(attacked, OTHER, get("/"))
        client.sendall(b"llo")
        assert answer(client) == (200, 2)
        served.let_go()
