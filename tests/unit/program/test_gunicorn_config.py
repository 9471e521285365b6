"""A service that is busy is not taken for one that is down, nor one that hangs for one that is busy."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from flask_microservice import health
from flask_microservice.service import Service
from gunicorn_service import CONFIG, HEALTH, Served
from waiting import wait_for


def test_a_busy_service_answers_its_health_check(serve: Callable[..., Served]) -> None:
    """A balancer would take it out, and the next one, until all answers are 503."""
    served = serve(threads=2)
    served.ask("/held-1", "/held-2", "/held-3")
    wait_for(lambda: served.begun() == 2, "its threads are busy")
    assert served.get(HEALTH) == (200, "ok\n")
    assert served.let_go() == [200, 200, 200]


def test_a_service_that_hangs_says_so_until_a_request_ends(serve: Callable[..., Served]) -> None:
    """A balancer would send requests to it for ever."""
    served = serve(threads=2, hang=1)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "one of two is busy")
    served.ask("/held-2")
    wait_for(lambda: served.get(HEALTH)[0] == 503, "it hangs")
    assert served.get(HEALTH)[1] == "hangs: all threads (2 a worker) are busy, and no request has ended for 1 s\n"
    assert served.let_go() == [200, 200]
    wait_for(lambda: served.get(HEALTH) == (200, "ok\n"), "it is well again")


def test_a_service_with_a_free_thread_does_not_hang(serve: Callable[..., Served]) -> None:
    """One long request would take a machine out."""
    served = serve(threads=2, hang=1)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "one of two is busy")
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert served.get(HEALTH) == (200, "ok\n")


def test_no_more_requests_are_served_at_a_time_than_declared(serve: Callable[..., Served]) -> None:
    """An application with as many connections to its database as threads would fail under load."""
    served = serve(threads=2)
    served.ask(*(f"/{number}" for number in range(40)))
    assert served.let_go() == [200] * 40
    assert served.most() <= 2


def test_an_application_with_one_thread_is_asked_one_thing_at_a_time(serve: Callable[..., Served]) -> None:
    """It is declared so because it is not made for more; its health check would be the second."""
    served = serve(threads=1)
    wait_for(lambda: served.get(HEALTH) == (200, "ok\n"), "it is asked")
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "its thread is busy")
    assert served.get(HEALTH) == (200, "busy\n")
    assert served.let_go() == [200]
    wait_for(lambda: served.get(HEALTH) == (200, "ok\n"), "it is asked again")
    assert served.most() == 1


def test_a_request_waits_for_no_busy_worker_while_another_one_is_free(serve: Callable[..., Served]) -> None:
    """It would wait for as long as the requests of that worker take, and the machine serve fewer than it can."""
    served = serve(workers=4, threads=1)
    for number in range(4):
        served.ask(f"/held-{number}")
        wait_for(partial(served.has_begun, number + 1), "a free worker serves it")
    assert served.get(HEALTH) == (200, "busy\n")
    assert served.let_go() == [200] * 4


def test_a_worker_that_is_busy_for_long_does_not_hang_while_others_are_well(serve: Callable[..., Served]) -> None:
    """Some long requests, all in one worker, would take a machine out."""
    served = serve(workers=2, threads=1, hang=1)
    served.each_serves()
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "one worker is busy")
    (busy,) = {int(process) for process, _number, path in served.served() if path == "/held-1"}
    (free,) = (pid for pid in served.workers() if pid != busy)
    os.kill(free, signal.SIGSTOP)  # the busy one has to answer
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert served.get(HEALTH) == (200, "busy\n")
    finally:
        os.kill(free, signal.SIGCONT)
    served.ask("/held-2")
    wait_for(lambda: served.get(HEALTH)[0] == 503, "both hang")
    os.kill(free, signal.SIGKILL)
    wait_for(lambda: free not in served.workers() and len(served.workers()) == 2, "there is another one")
    wait_for(lambda: served.get(HEALTH)[0] == 200, "the new one is well")


def test_a_connection_for_which_there_is_no_file_waits(serve: Callable[..., Served]) -> None:
    """The worker would end, and with it all that it serves."""
    served = serve(threads=2, files=40)
    (worker,) = served.workers()
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "a request has begun")
    clients = [served.connect() for _ in range(60)]
    wait_for(lambda: "can't accept a connection" in (served.directory / "log").read_text(), "no file is left")
    for client in clients:
        client.close()
    assert served.get("/") == (200, "ok\n")
    assert served.let_go() == [200]
    assert served.workers() == [worker]


def test_clients_that_do_not_close_keep_nobody_waiting(serve: Callable[..., Served]) -> None:
    """Each would hold up all the others of its worker for two seconds."""
    served = serve(threads=2)
    start = time.monotonic()
    clients = []
    for _ in range(10):
        clients.append(served.send(b"GET / HTTP/1.0\r\n\r\n"))
        assert b"200 OK" in clients[-1].recv(4096)
    assert time.monotonic() - start < 10
    for client in clients:
        wait_for(lambda client=client: client.recv(4096) == b"", "the server has closed it")  # type: ignore[misc]


def test_clients_that_say_nothing_take_no_thread(serve: Callable[..., Served]) -> None:
    """A handful of them would keep everybody else waiting."""
    served = serve(threads=2)
    start = time.monotonic()
    clients = [served.connect() for _ in range(10)]
    assert served.get("/") == (200, "ok\n")
    assert time.monotonic() - start < 10
    clients[0].sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert b"200 OK" in clients[0].recv(4096)


def test_a_client_that_sends_more_than_one_request_waits_for_its_turn(serve: Callable[..., Served]) -> None:
    """One client could have a service for itself."""
    served = serve(threads=1)
    client = served.send(*(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for path in ("held-1", "second")))
    wait_for(lambda: served.begun() == 1, "its first has begun")
    other = served.send(b"GET /other HTTP/1.0\r\n\r\n")
    assert served.get(HEALTH) == (200, "busy\n")
    served.let_go()
    assert b"200 OK" in client.recv(4096)
    assert b"200 OK" in other.recv(4096)
    wait_for(lambda: len(served.served()) >= 4, "both of its requests are served")
    paths = [path for _process, _number, path in served.served()]
    assert paths.index("/other") < paths.index("/second")


def test_a_health_check_without_an_end_keeps_no_other_waiting(serve: Callable[..., Served]) -> None:
    """The one thread for them would wait for the rest, and the machine count as down."""
    served = serve(threads=1)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "its thread is busy")
    clients = [served.send(f"GET {HEALTH} HTTP/1.1\r\n".encode()) for _ in range(3)]
    assert served.get(HEALTH) == (200, "busy\n")
    for client in clients:
        client.close()
    assert served.let_go() == [200]


def test_a_request_that_waits_is_served_by_the_first_worker_that_can(serve: Callable[..., Served]) -> None:
    """It would wait for the longest request of the worker that has it, with free threads beside."""
    served = serve(workers=2, threads=1)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "one worker is busy")
    served.ask("/once-2")
    wait_for((served.directory / "once-2").exists, "the other is busy")
    others = [served.send(b"GET / HTTP/1.0\r\n\r\n") for _ in range(20)]
    assert served.get(HEALTH) == (200, "busy\n")
    (served.directory / "once-2").unlink()
    for other in others:
        assert b"200 OK" in other.recv(4096)
    assert served.let_go() == [200, 200]


def test_a_kept_connection_does_not_wait_for_its_worker(serve: Callable[..., Served]) -> None:
    """A balancer keeps connections: a request would wait for a busy worker because the one before had been there."""
    served = serve(workers=2, threads=1)
    kept = []
    while len({process for process, _number, path in served.served() if path == "/kept"}) < 2:
        kept.append(served.send(b"GET /kept HTTP/1.1\r\nHost: a\r\n\r\n"))
        assert b"200 OK" in kept[-1].recv(4096)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "one worker is busy")
    for connection in kept:
        # The second of the two comes in one piece with the first, which the worker then has read already.
        connection.sendall(b"GET /again HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        answers = b""
        while answers.count(b"200 OK") < 2:
            answers += (more := connection.recv(4096))
            assert more, "the connection is closed"
    assert served.let_go() == [200]


def test_a_request_that_waits_is_answered_when_the_service_is_stopped(serve: Callable[..., Served]) -> None:
    served = serve(threads=1)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "its thread is busy")
    others = [served.send(b"GET / HTTP/1.0\r\n\r\n") for _ in range(3)]
    assert served.get(HEALTH) == (200, "busy\n")
    served.process.terminate()
    assert served.let_go() == [200]
    assert all(b"200 OK" in other.recv(4096) for other in others)


def deaths(served: Served) -> str | None:
    """What an answer says to who counts them; None where one worker of two is not there yet."""
    with closing(served.send(b"GET / HTTP/1.0\r\nUser-Agent: fleet-traffic\r\n\r\n")) as connection:
        said = connection.makefile("rb").read().decode()
    told = re.search(r"^X-Workers-Died: (\d+)\r$", said, re.MULTILINE)
    return told[1] if told and len(served.workers()) == 2 else None


@pytest.mark.parametrize(
    "sent, counts",
    [
        pytest.param(signal.SIGKILL, True, id="killed"),
        pytest.param(signal.SIGSEGV, True, id="broken"),
        pytest.param(signal.SIGABRT, True, id="given up by its master"),
        pytest.param(signal.SIGTERM, False, id="told to end"),
    ],
)
def test_workers_that_die_are_counted(serve: Callable[..., Served], sent: signal.Signals, counts: bool) -> None:
    """A balancer tries again what they were answering: no other counter has it, and a bad release is called good."""
    served = serve(workers=2, threads=1)
    wait_for(lambda: deaths(served) == "0", "both are there")
    for number in (1, 2):
        died = served.workers()[0]
        os.kill(died, sent)
        wait_for(lambda died=died: died not in served.workers(), "it is gone")  # type: ignore[misc]
        wait_for(lambda number=number: deaths(served) == str(number * counts), "it is counted")  # type: ignore[misc]


def test_clients_are_not_told_how_many_workers_died(serve: Callable[..., Served]) -> None:
    with closing(serve().send(b"GET / HTTP/1.0\r\n\r\n")) as connection:
        assert b"Died" not in connection.makefile("rb").read()


def test_a_request_that_fails_makes_room_for_the_next(serve: Callable[..., Served]) -> None:
    """A service would stop to answer after as many failures as it has threads."""
    served = serve(threads=1)
    assert [served.get("/fail")[0] for _ in range(3)] == [500] * 3
    assert served.get("/")[0] == 200


def test_a_service_that_was_told_to_stop_finishes_and_leaves_its_port_to_others(serve: Callable[..., Served]) -> None:
    """Clients of a port that it has moved from would wait until it has ended, and nobody else could have the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        served = serve(threads=2, listener=listener)
    served.ask("/held-1")
    wait_for(lambda: served.begun() == 1, "a request has begun")
    served.process.terminate()

    def is_refused() -> bool:
        try:
            socket.create_connection(address, 5).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_for(is_refused, "the port is closed")
    assert served.process.poll() is None, "it has not finished what it has begun"
    socket.create_server(address).close()
    assert served.let_go() == [200]


def test_checks_of_the_program_are_told_apart_from_those_of_balancers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_MICROSERVICE_NAME", "orders")
    monkeypatch.setenv("FLASK_MICROSERVICE_HEALTH_PATH", HEALTH)
    monkeypatch.setenv("FLASK_MICROSERVICE_THREADS", "8")
    monkeypatch.setenv("FLASK_MICROSERVICE_HANG_SECONDS", "10")
    monkeypatch.setenv("FLASK_MICROSERVICE_REQUEST_SECONDS", "10")
    monkeypatch.setenv("FLASK_MICROSERVICE_BALANCERS", "/nosuch")
    settings: dict[str, Any] = {}
    exec(CONFIG.read_text(encoding="utf-8"), settings)  # noqa: S102
    assert settings["USER_AGENT"] == health.USER_AGENT
    assert settings["DRAINING"] == Service("orders").draining
