"""gunicorn's settings, the same for every service: what its health check says while it drains, is busy, or hangs.

Any WSGI application can be taken out of a balancer so, whether it knows of draining or not. A worker has one thread
more than serve requests, so that its health check is answered while all of these are busy.

No thread waits for a client that sends slowly: a request takes one once all of it is there. What is longer than a
buffer gets a part of the threads, and has to keep a pace.
"""

import contextlib
import errno
import io
import mmap
import os
import re
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
COUNTER = "fleet-traffic"
"""Who counts what services do is told how many workers died, with any answer."""
PATIENCE_SECONDS = 0.02
"""For how long a busy worker leaves a new connection to those that are not, and keeps for itself what waits."""
SILENT_SECONDS = 5.0
"""For how long a client may have a connection before something of its request is there."""
REQUEST_SECONDS = int(os.environ["FLASK_MICROSERVICE_REQUEST_SECONDS"])
"""For how long a request may arrive before all of it is there, or more than a buffer."""
PACE = 1024
"""So many bytes a second have to arrive of a longer one, after that time, on average."""
UPLOADS_PART = 4
"""One in so many of the threads of all workers serves requests that are longer than a buffer."""
UPLOADS_WAIT_SECONDS = 10.0
"""For how long they wait for one of these, before the answer is 503."""
UPLOADS_HELD = 16
"""How many of a worker wait for it, at most."""
LINGER_SECONDS = 2.0
"""For how long a client may leave a connection open that is over."""
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
TOO_MANY_UPLOADS = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 28\r\n\r\nToo many uploads at a time.\n"
)
CHECKS = tuple(f"{method} {HEALTH_PATH}{end}".encode() for method in ("GET", "HEAD") for end in " ?")

workers_state = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
"""What all workers see of each other, a number each: 0 for none, below 0 for one that is not busy, else when a request
of a busy one last began or ended."""

uploads_state = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("I")
"""How many requests that are longer than a buffer each worker serves."""

ended_well = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("I")
"""Which workers came to the end that they were told to come to; by the place of each."""

deaths = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("I")
"""How many others ended, as a single number: killed, out of memory, hung, or by a mistake."""

PUT_BYTES = 1 << 16
BUFFER = PUT_BYTES - 1
"""So much of a request is gathered, in bytes: then it is a long one."""
READ = 8192
"""So much is read at a time: room for more takes longer to get than most requests are long."""
put, taken = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
"""Where a busy worker puts a connection with a request that has to wait: the first worker with a free thread takes it.
"""

here = threading.local()
"""Whether the request of this thread is served beside as many as the worker serves."""


BODY_HEADERS = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.I)
"""Those that say whether something follows the headers. A client that expects something is to be asked for its body."""
UNKNOWN, LONG = -1, BUFFER + 1


class Arriving:
    """How a request begins, and how much of it there has to be."""

    def __init__(self, read: bytes) -> None:
        self.read = bytearray(read)
        self._searched = 0
        self._chunk = 0
        self._needed = UNKNOWN

    def is_whole(self) -> bool:
        """Whether all of it is there; then no thread that serves it waits for its client to send more."""
        return 0 <= self.needed() <= min(len(self.read), BUFFER)

    def is_long(self) -> bool:
        """Whether it is longer than what is gathered, or can't be gathered."""
        return not self.is_whole() and (self.needed() >= LONG or len(self.read) >= BUFFER)

    def needed(self) -> int:
        """Return how many bytes it has, as far as that is known; LONG for one that is not gathered."""
        if self._needed == UNKNOWN:
            self._needed = self._chunked() if self._chunk else self._by_headers()
        return self._needed

    def _by_headers(self) -> int:
        # gunicorn skips empty lines before a request.
        start = len(self.read) - len(self.read.lstrip(b"\r\n"))
        end = self.read.find(b"\r\n\r\n", max(start, self._searched))
        if end < 0:
            self._searched = max(start, len(self.read) - 3)
            return UNKNOWN
        said = BODY_HEADERS.findall(self.read, start, end + 2)
        if not said:
            return end + 4
        name, value = said[0][0].lower(), bytes(said[0][1])
        if len(said) == 1 and name == b"content-length" and re.fullmatch(rb"[0-9]{1,18}", value):
            return min(end + 4 + int(value), LONG)
        if len(said) == 1 and name == b"transfer-encoding" and value.lower() == b"chunked":
            self._chunk = end + 4
            return self._chunked()
        return LONG

    def _chunked(self) -> int:
        """Go on from the last chunk that was found."""
        while self._chunk <= len(self.read):
            end = self.read.find(b"\r\n", self._chunk)
            if end < 0:
                return UNKNOWN
            size = re.match(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;|\r\n)", self.read[self._chunk : end + 2])
            if not size:
                return LONG
            if int(size[1], 16) == 0:
                # Further headers may follow, up to an empty line.
                end = self.read.find(b"\r\n\r\n", end)
                return end + 4 if end >= 0 else UNKNOWN
            self._chunk = end + 2 + int(size[1], 16) + 2
        return LONG if self._chunk > BUFFER else UNKNOWN


class Paced:
    """A connection of which nothing can be read any more when its client has sent too little for too long."""

    def __init__(self, sock: socket.socket, received: int) -> None:
        self._sock = sock
        self._timeout: float | None = None
        self._until = time.monotonic() + REQUEST_SECONDS + received / PACE

    def recv(self, size: int) -> bytes:
        """Read as a socket does, for as long as the client keeps the pace."""
        left = self._until - time.monotonic()
        own = self._timeout is not None and self._timeout < left
        try:
            self._sock.settimeout(self._timeout if own else max(left, 0.001))
            read = self._sock.recv(size)
        except TimeoutError:
            if own:
                raise
            raise ConnectionResetError(errno.ECONNRESET, "the client sends too slowly") from None
        finally:
            self._sock.settimeout(self._timeout)
        self._until += len(read) / PACE
        return read

    def gettimeout(self) -> float | None:
        """Return how long a read may take, as gunicorn has set it."""
        return self._timeout

    def settimeout(self, seconds: float | None) -> None:
        """Set how long a read may take, as gunicorn does for what an application has not read."""
        self._timeout = seconds
        self._sock.settimeout(seconds)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that serves as many requests at a time as declared, and its health check besides.

    All is done by its main thread, but for `handle`. While it is busy, it accepts what no other worker has accepted for
    a moment: it may be a health check.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._serving: set[Any] = set()
        self._held: deque[Any] = deque()
        self._uploads: set[Any] = set()
        self._uploads_held: deque[Any] = deque()
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
        self._make_room()
        waits = busy or self._uploads_held
        super().wait_for_and_dispatch_events(min(timeout, PATIENCE_SECONDS) if waits else timeout)
        self._begin_uploads()
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
        """Serve what a connection asks for, once it is there and there is a thread for it."""
        conn.close = partial(self._close, conn.sock)
        conn.beside = False
        conn.until = 0.0
        conn.arriving = Arriving(_buffered(conn))
        self._gather(conn)

    def _gather(self, conn: Any) -> None:
        """Read what is there of a request; serve it, or come back when there is more."""
        arriving = conn.arriving
        try:
            while not arriving.is_whole() and not arriving.is_long():
                read = conn.sock.recv(min(READ, BUFFER - len(arriving.read)), socket.MSG_DONTWAIT)
                if not read:
                    self._drop(conn)
                    return
                arriving.read += read
        except BlockingIOError:
            now = time.monotonic()
            if arriving.read:
                conn.until = conn.until or now + REQUEST_SECONDS
            left = conn.until - now if arriving.read else SILENT_SECONDS
            if left > 0:
                self._watch(conn, left, self._more)
            else:
                self._drop(conn)
            return
        except OSError:
            self._drop(conn)
            return
        conn.data_ready = True
        if arriving.is_long():
            conn.held = time.monotonic()
            self._uploads_held.append(conn)
            self._begin_uploads()
        elif not self.busy():
            self._serve(conn)
        elif arriving.read.startswith(CHECKS):
            conn.beside = True
            super().enqueue_req(conn)
        else:
            conn.held = time.monotonic()
            self._held.append(conn)

    def _more(self, conn: Any, sock: socket.socket) -> None:
        """Go on with a request of which more is there, or whose client has gone."""
        self.poller.unregister(sock)
        self.pending_conns.remove(conn)
        self._gather(conn)

    def _drop(self, conn: Any) -> None:
        """Close a connection whose client has closed it, or will not send the rest."""
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> None:
        """Close the connection that has had part of a request for the longest, if there is no room for a new one."""
        while self.nr_conns >= self.cfg.worker_connections and self.pending_conns:
            conn = next((one for one in self.pending_conns if not isinstance(one, Ended)), self.pending_conns[0])
            self.pending_conns.remove(conn)
            self.poller.unregister(conn.sock)
            self._drop(conn)
            if self.alive:
                self.set_accept_enabled(True)

    def _begin_uploads(self) -> None:
        """Serve requests that are longer than a buffer, as far as there are threads for them."""
        most = max(1, self.cfg.workers * THREADS // UPLOADS_PART)
        while self._uploads_held and not self.busy() and sum(uploads_state) < most:
            conn = self._uploads_held.popleft()
            self._uploads.add(conn)
            uploads_state[self._place] = len(self._uploads)
            self._serve(conn)
        patience = time.monotonic() - UPLOADS_WAIT_SECONDS
        while self._uploads_held and (self._uploads_held[0].held < patience or len(self._uploads_held) > UPLOADS_HELD):
            conn = self._uploads_held.popleft()
            with contextlib.suppress(OSError):
                conn.sock.send(TOO_MANY_UPLOADS, socket.MSG_DONTWAIT)
            self.nr_conns -= 1
            conn.close(graceful=True)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Let the next request begin."""
        if conn in self._uploads:
            self._uploads.remove(conn)
            uploads_state[self._place] = len(self._uploads)
            if conn.parser:
                conn.parser.unreader.sock = conn.sock
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
        arriving, conn.arriving = conn.arriving, None
        conn.init()
        conn.parser.unreader.unread(bytes(arriving.read))
        if arriving.is_long():
            conn.parser.unreader.sock = Paced(conn.sock, len(arriving.read))
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
        read = conn.arriving.read
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


def worker_abort(worker: Any) -> None:
    """Remember of this worker that the master gives it up, since it hangs."""
    worker.given_up = True


def worker_exit(_server: Any, worker: Any) -> None:
    """Tell the master that this worker ends as it was told to; one that is killed tells nothing."""
    ended_well[place(worker)] = not worker.alive and not hasattr(worker, "given_up")


def child_exit(_server: Any, worker: Any) -> None:
    """Forget a worker that has ended."""
    deaths[0] += not ended_well[place(worker)]
    for state in (workers_state, uploads_state, ended_well):
        state[place(worker)] = 0


def _buffered(conn: Any) -> bytes:
    """Take what has been read of a connection's next request together with the one before."""
    if not conn.parser:
        return b""
    read = bytes(conn.parser.unreader.buf.getvalue())
    conn.parser.unreader.buf = io.BytesIO()
    return read


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
        if environ.get("HTTP_USER_AGENT") == COUNTER:
            return serve(environ, lambda status, headers, *more: start_response(status, [*headers, died()], *more))
        return serve(environ, start_response)

    worker.wsgi = application


def died() -> tuple[str, str]:
    """Return the header that says how many workers died."""
    return "X-Workers-Died", str(deaths[0])


def _said(start_response: Callable[..., Any], status: str, text: str) -> Iterable[bytes]:
    """Answer with a line of text."""
    body = f"{text}\n".encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
