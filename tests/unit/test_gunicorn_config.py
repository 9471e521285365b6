"""A service that is busy is not taken for one that is down, nor one that hangs for one that is busy."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask_microservice import health
from flask_microservice.service import Service
from waiting import wait_for

CONFIG = Path(__file__).parents[2] / "modules/flask_microservice/files/gunicorn.conf.py"
HEALTH = "/status/200"
APPLICATION = """
import os
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
LOCK = threading.Lock()
UNDER_WAY = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    with LOCK:
        UNDER_WAY.append(path)
        with (HERE / "most").open("a") as most:
            most.write(f"{os.getpid()} {len(UNDER_WAY)}\\n")
    try:
        if path == "/fail":
            raise ValueError("as asked")
        if path.startswith("/held"):
            (HERE / path[1:]).touch()
            while not (HERE / "go").exists():
                time.sleep(0.01)
    finally:
        with LOCK:
            UNDER_WAY.remove(path)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\\n"]
"""


class Served:
    """An application that gunicorn serves on a unix socket; a request for /held… waits for `let_go`."""

    def __init__(
        self, directory: Path, *, workers: int, threads: int, hang: int, listener: socket.socket | None = None
    ) -> None:
        self.directory = directory
        self.socket = directory / "http.sock"
        self.port = 0
        self.asked: list[threading.Thread] = []
        self.answered: list[int] = []
        (directory / "application.py").write_text(APPLICATION)
        environment = {
            **os.environ,
            "FLASK_MICROSERVICE_NAME": "orders",
            "FLASK_MICROSERVICE_HEALTH_PATH": HEALTH,
            "FLASK_MICROSERVICE_THREADS": str(threads),
            "FLASK_MICROSERVICE_HANG_SECONDS": str(hang),
        }
        command = [sys.executable, "-m", "gunicorn", "--config", str(CONFIG), "--workers", str(workers)]
        bind = ["--bind", f"unix:{self.socket}"]
        handed: tuple[int, ...] = ()
        if listener:  # as systemd hands one over
            self.port, handed = listener.getsockname()[1], (listener.fileno(),)
            moved = "" if handed == (3,) else f"3<&{handed[0]} {handed[0]}<&-"
            hand_over = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" {moved}'
            command, bind = ["bash", "-c", hand_over, "bash", *command], []
        self.process = subprocess.Popen(
            [*command, *bind, "--no-control-socket", "--graceful-timeout", "60", "application"],
            cwd=directory, env=environment, stderr=(directory / "log").open("w"), pass_fds=handed,
        )  # fmt: skip

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        if not self.port:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(20)
            connection.sock.connect(str(self.socket))
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def ask(self, *paths: str) -> None:
        """Ask for each of them, all at once."""
        for path in paths:
            self.asked.append(threading.Thread(target=lambda path=path: self.answered.append(self.get(path)[0])))
            self.asked[-1].start()

    def begun(self) -> int:
        return len(list(self.directory.glob("held*")))

    def has_begun(self, number: int) -> bool:
        return self.begun() == number

    def let_go(self) -> list[int]:
        """Let all that is held end; return how each was answered."""
        (self.directory / "go").touch()
        for thread in self.asked:
            thread.join(20)
        return self.answered

    def most(self) -> int:
        """How many requests the application had at a time in one process, at most."""
        return max(int(line.split()[1]) for line in (self.directory / "most").read_text().splitlines())

    def answers(self) -> bool:
        try:
            return self.get("/")[0] == 200
        except OSError:
            return False


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*, workers: int = 1, threads: int = 2, hang: int = 60, listener: socket.socket | None = None) -> Served:
        served = Served(tmp_path, workers=workers, threads=threads, hang=hang, listener=listener)
        started.append(served)
        wait_for(served.answers, "gunicorn serves")
        return served

    yield start
    for served in started:
        served.let_go()
        served.process.terminate()
        served.process.wait(30)


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
    assert served.get(HEALTH)[1].startswith("hangs: all 2 threads are busy, and no request has ended for 1 s")
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
    settings: dict[str, Any] = {}
    exec(CONFIG.read_text(encoding="utf-8"), settings)  # noqa: S102
    assert settings["USER_AGENT"] == health.USER_AGENT
    assert settings["DRAINING"] == Service("orders").draining
