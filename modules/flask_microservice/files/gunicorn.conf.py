"""gunicorn's settings, the same for every service: what its health check says while it drains, is busy, or hangs.

Any WSGI application can be taken out of a balancer so, whether it knows of draining or not. A worker has one thread
more than serve requests, so that its health check is answered while all of these are busy.
"""

import errno
import mmap
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

DRAINING = Path("/run/flask-microservice", os.environ["FLASK_MICROSERVICE_NAME"], "draining")
HEALTH_PATH = os.environ["FLASK_MICROSERVICE_HEALTH_PATH"]
THREADS = int(os.environ["FLASK_MICROSERVICE_THREADS"])
HANG_SECONDS = int(os.environ["FLASK_MICROSERVICE_HANG_SECONDS"])
USER_AGENT = "flask-microservice"
PATIENCE_SECONDS = 0.02
"""For how long a busy worker leaves a new connection to those that are not, and keeps for itself what waits."""
SILENT_SECONDS = 5.0
"""For how long a client may have a connection before something of its request is there."""
LINGER_SECONDS = 2.0
"""For how long a client may leave a connection open that is over."""
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
CHECKS = tuple(f"{method} {HEALTH_PATH}{end}".encode() for method in ("GET", "HEAD") for end in " ?")

workers_state = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
"""What all workers see of each other, a number each: 0 for none, below 0 for one that is not busy, else when a request
of a busy one last began or ended."""

PUT_BYTES = 1 << 16
put, taken = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
"""Where a busy worker puts a connection with a request that has to wait: the first worker with a free thread takes it.
"""

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
        self._takes = False
        self._full_until = 0.0
        super().__init__(*args, **kwargs)
        self._place = place(self)

    def busy(self) -> bool:
        """Whether it serves as many requests as it may."""
        return len(self._serving) >= THREADS

    def tell(self) -> None:
        """Tell all workers whether this one is busy, and that a request of it has begun or ended."""
        busy = self.busy()
        workers_state[self._place] = time.monotonic() if busy else -1
        if self._takes == busy:
            self._takes = not busy
            if self._takes:
                self.poller.register(taken, selectors.EVENT_READ, lambda _taken: self._take())
            else:
                self.poller.unregister(taken)

    def hangs(self) -> bool:
        """Whether all workers are busy, and no request has begun or ended in any of them for a while."""
        before = time.monotonic() - HANG_SECONDS
        return all(0 < changed < before for changed in workers_state if changed)

    @property
    def worker_connections(self) -> int:
        """How many connections there may be before it accepts no more by itself."""
        return int(self.nr_conns if self.busy() or self._full() else self.cfg.worker_connections)

    @worker_connections.setter
    def worker_connections(self, number: int) -> None:
        """gunicorn sets what is the setting."""

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what is due; while it is busy, look for a health check every now and then."""
        busy = self.busy()
        super().wait_for_and_dispatch_events(min(timeout, PATIENCE_SECONDS) if busy else timeout)
        patience = time.monotonic() - PATIENCE_SECONDS
        while self._held and self._held[0].held <= patience and self._put(self._held[0]):
            self._held.popleft()
        if busy and self.busy() and self.alive and not self._full():
            for listener in self.sockets:
                self.accept(listener)

    def accept(self, listener: Any) -> None:
        """Accept a connection; where there is no room for one, try again a second later."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            self.log.warning("can't accept a connection: %s", error.strerror)
            self._full_until = time.monotonic() + 1

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; one that was told to stop leaves the port to others while it finishes."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Serve what a connection asks for, now or later."""
        conn.close = partial(self._close, conn.sock)
        conn.beside = False
        begin = _begin(conn)
        if begin is None:
            self._await(conn)
            return
        conn.data_ready = True
        if not self.busy():
            self._serve(conn)
        elif not begin or (begin.startswith(CHECKS) and b"\r\n\r\n" in begin):
            conn.beside = True
            super().enqueue_req(conn)
        else:
            conn.held = time.monotonic()
            self._held.append(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Let the next request begin."""
        if conn in self._serving:
            waits = self.busy()  # otherwise, nothing does
            self._serving.remove(conn)
            self.tell()
            if waits:
                self._take()
        super().finish_request(conn, fs)

    def handle(self, conn: Any) -> Any:
        """Handle a request, in a thread of its own."""
        here.beside = conn.beside
        return super().handle(conn)

    def _serve(self, conn: Any) -> None:
        self._serving.add(conn)
        self.tell()
        super().enqueue_req(conn)

    def _full(self) -> bool:
        """Whether there is no room for another connection."""
        return self.nr_conns >= self.cfg.worker_connections or time.monotonic() < self._full_until

    def _put(self, conn: Any) -> bool:
        """Leave a connection, and what is read of its next request, to the first worker with a free thread."""
        read = conn.parser.unreader.buf.getvalue() if conn.parser else b""
        if len(read) >= PUT_BYTES:
            return False
        try:
            socket.send_fds(put, [b"." + read], [conn.sock.fileno()])
        except OSError:  # as many wait as the kernel keeps
            return False
        self.nr_conns -= 1
        util.close(conn.sock)
        return True

    def _take(self) -> None:
        """Serve what waits, as far as there are free threads."""
        while not self.busy():
            if self._held:
                self._serve(self._held.popleft())
                continue
            if time.monotonic() < self._full_until:
                return
            try:
                read, files, _, _ = socket.recv_fds(taken, PUT_BYTES, 1)
            except BlockingIOError:
                return
            if files:
                self._go_on(socket.socket(fileno=files[0]), read[1:])

    def _go_on(self, sock: socket.socket, read: bytes) -> None:
        """Serve the next request of a connection that another worker has had."""
        sock.set_inheritable(False)
        try:
            conn = TConn(self.cfg, sock, sock.getpeername(), sock.getsockname())
        except OSError:  # the client has gone
            sock.close()
            return
        self.nr_conns += 1
        if read:
            conn.init()
            conn.parser.unreader.unread(read)
        self.enqueue_req(conn)

    def _await(self, conn: Any) -> None:
        """Have it come back once something of its request is there, as gunicorn does with slow clients."""
        self._watch(conn, SILENT_SECONDS, self.on_pending_socket_readable)

    def _close(self, sock: socket.socket, *, graceful: bool = False) -> None:
        """Close a connection; gracefully, once the client has closed it too, for which no thread waits."""
        try:
            if graceful:
                sock.shutdown(socket.SHUT_WR)
                self._watch(Ended(sock), LINGER_SECONDS, self._drain)
                self.nr_conns += 1
                return
        except OSError:
            pass  # the client has closed it already
        util.close(sock)

    def _drain(self, conn: "Ended", sock: socket.socket) -> None:
        """Read what a client sends after its answer, until it closes."""
        try:
            if sock.recv(1 << 16):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.poller.unregister(sock)
        self.pending_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def _watch(self, conn: Any, seconds: float, readable: Callable[[Any, Any], None]) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(readable, conn))


@dataclass(eq=False)
class Ended:
    """A connection that is over, but not closed by its client yet."""

    sock: socket.socket
    timeout: float = 0.0

    def close(self) -> None:
        """Close it."""
        util.close(self.sock)


def place(worker: Any) -> int:
    """Return the place of a worker in what all see of each other."""
    return int(worker.age) % len(workers_state)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget a worker that has ended."""
    workers_state[place(worker)] = 0


def _begin(conn: Any) -> bytes | None:
    """Return how the request of a connection begins, nothing if nothing of it is there yet."""
    if conn.parser and (read := conn.parser.unreader.buf.getvalue()):
        return bytes(read)
    try:
        return bytes(conn.sock.recv(4096, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return None
    except OSError:
        return b""


# gunicorn before 25.2 has other workers: there, the threads that serve answer the health check, too.
apart = hasattr(ThreadWorker, "on_pending_socket_readable")
if apart:
    worker_class = Worker
threads = THREADS + apart


def post_worker_init(worker: Any) -> None:
    """Put the answer of a draining, a busy or a hanging service before the application's own."""
    serve: Callable[..., Iterable[bytes]] = worker.wsgi
    if apart:
        worker.tell()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == HEALTH_PATH:
            # The program that switches releases wants to know what the release can do, draining or not.
            if environ.get("HTTP_USER_AGENT") != USER_AGENT and DRAINING.exists():
                return _said(start_response, "503 Service Unavailable", "draining")
            if apart and worker.hangs():
                why = f"hangs: all threads ({THREADS} a worker) are busy, and no request has ended for {HANG_SECONDS} s"
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
