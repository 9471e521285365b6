"""A service as gunicorn serves it with the module's settings, on this machine alone."""

import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from waiting import wait_for

CONFIG = Path(__file__).parents[3] / "modules/flask_microservice/files/gunicorn.conf.py"
HEALTH = "/status/200"
APPLICATION = """
import os
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
LOCK = threading.Lock()
UNDER_WAY = []


def large(start_response):
    file = HERE / "large"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(file.stat().st_size))])
    return file.open("rb")


def slowly():
    for _ in range(4):
        time.sleep(1)
        yield b"x" * 1000


def application(environ, start_response):
    path = environ["PATH_INFO"]
    with LOCK:
        UNDER_WAY.append(path)
        with (HERE / "most").open("a") as most:
            most.write(f"{os.getpid()} {len(UNDER_WAY)} {path}\\n")
    try:
        if path == "/fail":
            raise ValueError("as asked")
        if path.startswith("/held"):
            (HERE / path[1:]).touch()
            while not (HERE / "go").exists():
                time.sleep(0.01)
        if path.startswith("/once"):
            (HERE / path[1:]).touch()
            while (HERE / path[1:]).exists():
                time.sleep(0.01)
    finally:
        with LOCK:
            UNDER_WAY.remove(path)
    if path.startswith("/large"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"~" * (1 << 20)] * int(path.rpartition("-")[2])
    if path.startswith("/file"):
        return environ["wsgi.file_wrapper"](large(start_response))
    if path.startswith("/stream"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return slowly()
    said = b"ok\\n"
    if environ["REQUEST_METHOD"] == "POST":
        said = b"%d\\n" % len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
    return [said]
"""


class Served:
    """An application that gunicorn serves on a unix socket; a request for /held… waits for `let_go`."""

    def __init__(
        self,
        directory: Path,
        *,
        workers: int,
        threads: int,
        hang: int,
        listener: socket.socket | None = None,
        files: int | None = None,
        seconds: int = 60,
        connections: int = 1000,
        connect: Callable[[], socket.socket] | None = None,
    ) -> None:
        self.directory = directory
        self.socket = directory / "http.sock"
        self.port = 0
        self._connect = connect
        self.asked: list[threading.Thread] = []
        self.answered: list[int] = []
        (directory / "application.py").write_text(APPLICATION)
        environment = {
            **os.environ,
            "FLASK_MICROSERVICE_NAME": "orders",
            "FLASK_MICROSERVICE_HEALTH_PATH": HEALTH,
            "FLASK_MICROSERVICE_THREADS": str(threads),
            "FLASK_MICROSERVICE_HANG_SECONDS": str(hang),
            "FLASK_MICROSERVICE_REQUEST_SECONDS": str(seconds),
            "FLASK_MICROSERVICE_BALANCERS": str(directory / "balancers"),
        }
        command = [sys.executable, "-m", "gunicorn", "--config", str(CONFIG), "--workers", str(workers)]
        bind = ["--bind", f"unix:{self.socket}"]
        handed: tuple[int, ...] = ()
        if listener:  # as systemd hands one over
            self.port, handed = listener.getsockname()[1], (listener.fileno(),)
            moved = "" if handed == (3,) else f"3<&{handed[0]} {handed[0]}<&-"
            hand_over = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" {moved}'
            command, bind = ["bash", "-c", hand_over, "bash", *command], []
        if files:
            command = ["bash", "-c", f'ulimit -n {files}; exec "$@"', "bash", *command]
        # On a busy machine, a kept connection is to be kept until its next request.
        times = ["--graceful-timeout", "60", "--keep-alive", "60", "--worker-connections", str(connections)]
        self.process = subprocess.Popen(
            [*command, *bind, "--no-control-socket", *times, "application"],
            cwd=directory, env=environment, stderr=(directory / "log").open("w"), pass_fds=handed,
        )  # fmt: skip

    def connect(self) -> socket.socket:
        if self._connect:
            return self._connect()
        if self.port:
            return socket.create_connection(("127.0.0.1", self.port), 20)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(20)
        connection.connect(str(self.socket))
        return connection

    def send(self, *requests: bytes) -> socket.socket:
        """Send these, and leave the connection open."""
        connection = self.connect()
        connection.sendall(b"".join(requests))
        return connection

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.sock = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def ask(self, *paths: str) -> None:
        """Ask for each of them, all at once."""
        for path in paths:
            self.asked.append(threading.Thread(target=self._ask, args=[path]))
            self.asked[-1].start()

    def _ask(self, path: str) -> None:
        try:
            self.answered.append(self.get(path)[0])
        except OSError:
            self.answered.append(0)

    def begun(self) -> int:
        return len(list(self.directory.glob("held*")))

    def has_begun(self, number: int) -> bool:
        return self.begun() == number

    def each_serves(self) -> None:
        """Wait until both of two workers with a thread each have started: while one is busy, the other one answers."""
        self.ask("/once")
        wait_for((self.directory / "once").exists, "one worker serves")
        assert self.get("/")[0] == 200
        (self.directory / "once").unlink()
        self.asked.pop().join(20)
        assert self.answered.pop() == 200

    def let_go(self) -> list[int]:
        """Let all that is held end; return how each was answered."""
        (self.directory / "go").touch()
        for thread in self.asked:
            thread.join(20)
        return self.answered

    def served(self) -> list[list[str]]:
        """Of each request, in order: the process, how many this had at that time, the path."""
        return [line.split() for line in (self.directory / "most").read_text().splitlines()]

    def most(self) -> int:
        """How many requests the application had at a time in one process, at most."""
        return max(int(number) for _process, number, _path in self.served())

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def answers(self) -> bool:
        try:
            return self.get("/")[0] == 200
        except OSError:
            return False
