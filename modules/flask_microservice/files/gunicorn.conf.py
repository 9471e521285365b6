"""gunicorn's settings, the same for every service: what its health check says while it drains, is busy, or hangs.

Any WSGI application can be taken out of a balancer so, whether it knows of draining or not. A worker has one thread
more than serve requests, so that its health check is answered while all of these are busy.
"""

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

DRAINING = Path("/run/flask-microservice", os.environ["FLASK_MICROSERVICE_NAME"], "draining")
HEALTH_PATH = os.environ["FLASK_MICROSERVICE_HEALTH_PATH"]
THREADS = int(os.environ["FLASK_MICROSERVICE_THREADS"])
HANG_SECONDS = int(os.environ["FLASK_MICROSERVICE_HANG_SECONDS"])
USER_AGENT = "flask-microservice"
PATIENCE_SECONDS = 0.02
"""For how long a busy worker leaves a new connection to those that are not."""
CHECKS = tuple(f"{method} {HEALTH_PATH}{end}".encode() for method in ("GET", "HEAD") for end in " ?")

here = threading.local()
"""Whether the request of this thread is served beside as many as the worker serves."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that serves as many requests at a time as declared, and its health check besides.

    All is done by its main thread, but for `handle`. While it is busy, it accepts what no other worker has accepted for
    a moment: it may be a health check.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._serving: set[Any] = set()
        self._held: deque[Any] = deque()
        self._changed = time.monotonic()
        super().__init__(*args, **kwargs)

    def busy(self) -> bool:
        """Whether it serves as many requests as it may."""
        return len(self._serving) >= THREADS

    def hangs(self) -> bool:
        """Whether it is busy, and no request has begun or ended for a while."""
        return self.busy() and time.monotonic() - self._changed > HANG_SECONDS

    @property
    def worker_connections(self) -> int:
        """How many connections there may be before it accepts no more by itself."""
        return int(self.nr_conns if self.busy() else self.cfg.worker_connections)

    @worker_connections.setter
    def worker_connections(self, number: int) -> None:
        """gunicorn sets what is the setting."""

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what is due; while it is busy, look for a health check every now and then."""
        busy = self.busy()
        super().wait_for_and_dispatch_events(min(timeout, PATIENCE_SECONDS) if busy else timeout)
        if busy and self.busy() and self.alive and self.nr_conns < self.cfg.worker_connections:
            for listener in self.sockets:
                self.accept(listener)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; one that was told to stop leaves the port to others while it finishes."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Serve what a connection asks for, now or later."""
        conn.beside = False
        if not self.busy():
            self._serve(conn)
            return
        begin = _begin(conn)
        if begin is None:
            self._await(conn)
        elif not begin or begin.startswith(CHECKS):
            conn.beside = True
            super().enqueue_req(conn)
        else:
            self._held.append(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Let the next request begin."""
        if conn in self._serving:
            self._serving.remove(conn)
            self._changed = time.monotonic()
        super().finish_request(conn, fs)
        while self._held and not self.busy():
            self._serve(self._held.popleft())

    def handle(self, conn: Any) -> Any:
        """Handle a request, in a thread of its own."""
        here.beside = conn.beside
        return super().handle(conn)

    def _serve(self, conn: Any) -> None:
        self._serving.add(conn)
        self._changed = time.monotonic()
        super().enqueue_req(conn)

    def _await(self, conn: Any) -> None:
        """Have it come back once something of its request is there, as gunicorn does with slow clients."""
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))


def _begin(conn: Any) -> bytes | None:
    """Return how the request of a connection begins, nothing if nothing of it is there yet."""
    if conn.parser and (read := conn.parser.unreader.buf.getvalue()):
        return bytes(read)
    try:
        return bytes(conn.sock.recv(max(map(len, CHECKS)), socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return None
    except OSError:
        return b""


# gunicorn before 25.1 has other workers: there, the threads that serve answer the health check, too.
apart = hasattr(ThreadWorker, "on_pending_socket_readable")
if apart:
    worker_class = Worker
threads = THREADS + apart


def post_worker_init(worker: Any) -> None:
    """Put the answer of a draining, a busy or a hanging service before the application's own."""
    serve: Callable[..., Iterable[bytes]] = worker.wsgi

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == HEALTH_PATH:
            # The program that switches releases wants to know what the release can do, draining or not.
            if environ.get("HTTP_USER_AGENT") != USER_AGENT and DRAINING.exists():
                return _said(start_response, "503 Service Unavailable", "draining")
            if apart and worker.hangs():
                why = f"hangs: all {THREADS} threads are busy, and no request has ended for {HANG_SECONDS} s"
                return _said(start_response, "503 Service Unavailable", why)
            # With one thread, the application may not be made for being asked two things at a time.
            if apart and here.beside and THREADS == 1:
                return _said(start_response, "200 OK", "busy")
        return serve(environ, start_response)

    worker.wsgi = application


def _said(start_response: Callable[..., Any], status: str, text: str) -> Iterable[bytes]:
    """Answer with a line of text."""
    body = f"{text}\n".encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
