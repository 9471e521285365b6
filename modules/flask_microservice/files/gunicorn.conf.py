"""gunicorn's settings, the same for every service: what its health check says while it drains, is busy, or hangs.

Any WSGI application can be taken out of a balancer so, whether it knows of draining or not. A worker has one thread
more than serve requests, so that its health check is answered while all of these are busy.

No thread waits for a client that sends slowly: a request takes one once all of it is there. What is longer than a
buffer gets a part of the threads, and has to keep a pace. So has a client that takes an answer.

No source has all threads, nor all places for long requests: what is over its share waits, and others overtake it.
Balancers pass on the requests of many, and have no share.
"""

import contextlib
import errno
import fcntl
import io
import ipaddress
import mmap
import os
import re
import select
import selectors
import socket
import struct
import termios
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
"""So many bytes a second have to arrive of a longer one, after that time, on average; and to be taken of an answer."""
BALANCERS = Path(os.environ["FLASK_MICROSERVICE_BALANCERS"])
"""The addresses and networks of balancers, one a line. Without it, each source has its share."""
LOOK_SECONDS = 1.0
"""How often it is looked at."""
SHARE = 0.75
"""So much of the threads of all workers serves one source, at most; at least one thread."""
UPLOADS_SHARE = 0.5
"""So much of what serves longer requests serves one source, at most; at least one thread."""
BALANCERS_SHARE = 0.125
"""So much of both, and at least one, all sources together leave to balancers, if there are any."""
UPLOADS_PART = 4
"""One in so many of the threads of all workers serves requests that are longer than a buffer."""
UPLOADS_WAIT_SECONDS = 10.0
"""For how long they wait for one of these, before the answer is 503."""
UPLOADS_HELD = 16
"""How many of a worker wait for it, at most."""
LINGER_SECONDS = 2.0
"""For how long a client may leave a connection open that is over."""
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
TOO_MANY = (
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    "Content-Length: {length}\r\n\r\nToo many {what} at a time.\n"
)
CHECKS = tuple(f"{method} {HEALTH_PATH}{end}".encode() for method in ("GET", "HEAD") for end in " ?")

workers_state = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
"""What all workers see of each other, a number each: 0 for none, below 0 for one that is not busy, else when a request
of a busy one last began or ended."""

threads_state = memoryview(mmap.mmap(-1, len(workers_state) * THREADS * 8)).cast("Q")
"""What each thread of each worker serves: 0 for nothing, else a source, and 1 more if the request is a longer one."""

workers_begun = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("I")
"""A number that is another one after a worker has begun."""

MANY = 1 << 40
"""The source of balancers, and of all that comes by a unix socket."""
SOURCES_KEPT = 10_000
"""For so many addresses a worker remembers their source."""

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


class Answering:
    """The socket of a connection while it is answered: it fails when the client takes too little for too long.

    Only the time counts for which sending waits: an application may take as long as it likes between two parts.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._left = float(REQUEST_SECONDS)
        self.setblocking = sock.setblocking  # asked for each request: found sooner so

    def __getattr__(self, name: str) -> Any:
        """All else is as the socket has it."""
        return getattr(self._sock, name)

    def send(self, data: bytes, _flags: int = 0) -> int:
        """Send all of it: what asks for a body is sent so, and would wait for ever."""
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes | memoryview, _flags: int = 0) -> None:
        """Send as a socket does, for as long as the client keeps the pace."""
        while True:
            try:
                sent = self._sock.send(data, socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
            self._wait()

    def sendfile(self, file: Any, offset: int, count: int) -> None:
        """Send a part of a file, in the same way."""
        end = offset + count
        self._sock.setblocking(False)
        try:
            while offset < end:
                try:
                    sent = os.sendfile(self._sock.fileno(), file.fileno(), offset, end - offset)
                except BlockingIOError:
                    self._wait()
                    continue
                if not sent:
                    return
                offset += sent
        finally:
            self._sock.setblocking(True)

    def _wait(self) -> None:
        """Wait until more can be sent."""
        room = select.poll()
        room.register(self._sock, select.POLLOUT)
        began, queued = time.monotonic(), self._queued()
        while True:
            found = room.poll(min(1.0, max(self._left, 0.01)) * 1000)
            now, queues = time.monotonic(), self._queued()
            # What was taken buys time, but never more than there was: who takes much at first could stop for long then.
            self._left = min(self._left - (now - began) + (queued - queues) / PACE, REQUEST_SECONDS)
            if found:
                return
            if self._left <= 0:
                # What is queued would stay in memory for as long as the client likes.
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise ConnectionResetError(errno.ECONNRESET, "the client reads too slowly")
            began, queued = now, queues

    def _queued(self) -> int:
        """Return how many bytes the client has not taken."""
        return int(struct.unpack("i", fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0])


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that serves as many requests at a time as declared, and its health check besides.

    All is done by its main thread, but for `handle`. While it is busy, it accepts what no other worker has accepted for
    a moment: it may be a health check.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._serving: dict[Any, int] = {}
        self._held: deque[Any] = deque()
        self._waiting: dict[int, deque[Any]] = {}
        self._beside: set[int] = set()
        self._uploads_held: deque[Any] = deque()
        self._takes = False
        self._full_until = 0.0
        super().__init__(*args, **kwargs)
        self._place = place(self)
        self._free = list(threads_of(self._place))
        self._connections: dict[int, int] = {}
        self._sources: dict[tuple[str, str], int] = {}
        self._balancers: list[Network] = []
        self._balancers_are: tuple[int, ...] = ()
        self._looked = 0.0
        self._marks: list[memoryview] = []
        self._workers_begun = -1
        self._threads = self.cfg.workers * THREADS
        self._share = max(1, int(self._threads * SHARE))
        self._uploads = max(1, self._threads // UPLOADS_PART)
        self._uploads_share = max(1, int(self._uploads * UPLOADS_SHARE))

    def busy(self) -> bool:
        """Whether it serves as many requests as it may."""
        return len(self._serving) >= THREADS

    def tell(self) -> None:
        """Tell all workers whether this one is busy, and that a request of it has begun or ended."""
        busy = self.busy()
        new = not workers_state[self._place]
        workers_state[self._place] = time.monotonic() if busy else -1
        if new:  # the others are to see it from now on
            workers_begun[0] = (workers_begun[0] + 1) % (1 << 32)
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
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._look()
        self._make_room()
        waits = busy or self._uploads_held or self._waiting
        super().wait_for_and_dispatch_events(min(timeout, PATIENCE_SECONDS) if waits else timeout)
        self._begin_uploads()
        for source in list(self._waiting):  # another worker may serve less of it now
            self._offer(source)
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
        if not hasattr(conn, "source"):
            conn.source = 0
            conn.addresses = (conn.client[0], conn.sock.getsockname()[0]) if isinstance(conn.client, tuple) else None
            conn.close = partial(self._close, conn)
        self._find_source(conn)
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
        self._begin(conn)

    def _begin(self, conn: Any) -> None:
        """Serve a request that is there, or keep it until that can be done."""
        conn.data_ready = True
        conn.held = time.monotonic()
        if conn.arriving.is_long():
            self._uploads_held.append(conn)
            self._begin_uploads()
        elif not self.busy() and self._serve(conn):
            pass
        elif conn.arriving.read.startswith(CHECKS) and conn.source not in self._beside:
            conn.beside = True
            if conn.source != MANY:
                self._beside.add(conn.source)
            super().enqueue_req(conn)
        elif self._room_for(conn.source) > 0:
            self._held.append(conn)
        else:
            self._waiting.setdefault(conn.source, deque()).append(conn)

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
        """Close the oldest connection of the source that has the most, if there is no room for a new one."""
        while self.nr_conns >= self.cfg.worker_connections:
            # Those of balancers last: they are of many.
            sources = sorted(self._connections, key=lambda source: -self._connections[source] * (source != MANY))
            if not any(self._end_one(source) for source in sources):
                return
            if self.alive:
                self.set_accept_enabled(True)

    def _end_one(self, source: int) -> bool:
        """Close the connection of a source that is missed least; return whether there is one that is not being served.

        Of balancers, none goes of which a whole request is there, or that is kept for the next.
        """
        queues = [self.pending_conns]
        if source != MANY:
            queues += [self.keepalived_conns, self._waiting.get(source, deque()), self._held]
        for queue in queues:
            of_it = [conn for conn in queue if conn.source == source]
            if of_it:
                conn = min(of_it, key=lambda one: isinstance(one, Ended))  # the first, but one that is over comes last
                queue.remove(conn)
                try:
                    self.poller.unregister(conn.sock)
                except KeyError:  # its request is there
                    self._refuse(conn, "requests")
                self._drop(conn)
                return True
        return False

    def _begin_uploads(self) -> None:
        """Serve requests that are longer than a buffer, as far as there are threads for them."""
        for conn in list(self._uploads_held):
            if self.busy():
                break
            if self._serve(conn, longer=1):
                self._uploads_held.remove(conn)
        self._leave_uploads()
        patience = time.monotonic() - UPLOADS_WAIT_SECONDS
        while self._uploads_held and (self._uploads_held[0].held < patience or len(self._uploads_held) > UPLOADS_HELD):
            conn = self._uploads_held[0]
            if conn.held >= patience:
                held = Counter(one.source for one in self._uploads_held)
                most = max(held, key=lambda source: held[source] * (source != MANY))
                conn = next(one for one in self._uploads_held if one.source == most)
            self._uploads_held.remove(conn)
            self._refuse(conn, "uploads")
            self.nr_conns -= 1
            conn.close(graceful=True)

    def _leave_uploads(self) -> None:
        """While it is busy, leave longer requests that have a place to workers that are not."""
        patience = time.monotonic() - PATIENCE_SECONDS
        for conn in list(self._uploads_held):
            if not self.busy() or min(workers_state) >= 0:
                break
            if conn.held <= patience and self._has_place(conn.source, more=1) and self._put(conn):
                self._uploads_held.remove(conn)

    def _refuse(self, conn: Any, what: str) -> None:
        """Say that there is too much of something, if the client takes it at once."""
        answer = TOO_MANY.format(what=what, length=len(f"Too many {what} at a time.\n"))
        with contextlib.suppress(OSError):
            conn.sock.send(answer.encode(), socket.MSG_DONTWAIT)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Let the next request begin."""
        slot = self._serving.get(conn)
        if slot is not None:
            if threads_state[slot] & 1 and conn.parser:
                conn.parser.unreader.sock = conn.sock
            waits = self.busy()  # otherwise, nothing does
            del self._serving[conn]
            threads_state[slot] = 0
            self._free.append(slot)
            self.tell()
            self._offer(conn.source)
            if waits:
                self._take()
        elif conn.beside:
            self._beside.discard(conn.source)
        super().finish_request(conn, fs)

    def handle(self, conn: Any) -> Any:
        """Handle a request, in a thread of its own."""
        here.beside = conn.beside
        arriving, conn.arriving = conn.arriving, None
        conn.init()
        conn.parser.unreader.unread(bytes(arriving.read))
        if arriving.is_long():
            conn.parser.unreader.sock = Paced(conn.sock, len(arriving.read))
        sock = conn.sock
        conn.sock = Answering(sock)
        try:
            return super().handle(conn)
        finally:
            conn.sock = sock

    def _serve(self, conn: Any, longer: int = 0) -> bool:
        """Have a free thread serve a request, unless its source has its share; return whether it does.

        Args:
            conn: its connection.
            longer: 1 if it is longer than a buffer.
        """
        slot = self._free[-1]
        # Written before it is counted: of two workers that do so at a time, both see the other one's.
        threads_state[slot] = conn.source + longer
        if (longer and not self._has_place(conn.source)) or self._room_for(conn.source) < 0:
            threads_state[slot] = 0
            return False
        self._serving[conn] = self._free.pop()
        self.tell()
        super().enqueue_req(conn)
        return True

    def _room_for(self, source: int) -> int:
        """Return how many more threads may serve a source, or less if it has enough; below 0, it has too many."""
        if source == MANY:
            return 1
        if self._workers_begun != workers_begun[0]:
            self._find_workers()
        kept = self._kept_of(self._threads)
        marks = [mark for marks in self._marks for mark in marks.tolist()]
        free = marks.count(0)
        # As if all that is served were of it: so it is almost always, and no more is to be counted.
        room = min(self._share + free - len(marks), free - kept)
        if room > 0:
            return room
        served = marks.count(source) + marks.count(source + 1)
        return min(self._share - served, free + marks.count(MANY) + marks.count(MANY + 1) - kept)

    def _kept_of(self, number: int) -> int:
        """Return how many of so many threads all sources together leave to balancers."""
        return max(1, int(number * BALANCERS_SHARE)) if self._balancers and number > 1 else 0

    def _has_place(self, source: int, more: int = 0) -> bool:
        """Whether the longer requests that are served are not too many, nor those of a source, nor of all sources.

        Args:
            source: the source.
            more: how many of it are to be served besides.
        """
        self._find_workers()
        longer = [mark for marks in self._marks for mark in marks if mark & 1] + [source + 1] * more
        of_sources = len(longer) - longer.count(MANY + 1)
        return len(longer) <= self._uploads and (
            source == MANY
            or (longer.count(source + 1) <= self._uploads_share
                and of_sources <= self._uploads - self._kept_of(self._uploads))
        )  # fmt: skip

    def _offer(self, source: int) -> None:
        """Let requests that wait because of their source be served like others, as many as it may have now."""
        waiting = self._waiting.get(source)
        if waiting is None:
            return
        for _ in range(min(len(waiting), max(0, self._room_for(source)))):
            conn = waiting.popleft()
            conn.held = time.monotonic()
            self._held.append(conn)
        if not waiting:
            del self._waiting[source]
        if self._held and not self.busy():
            self._take()

    def _look(self) -> None:
        """Look at what may have changed: which workers there are, and who is a balancer."""
        self._looked = time.monotonic()
        self._find_workers()
        try:
            status = BALANCERS.stat()
            are: tuple[int, ...] = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            are = ()
        if are == self._balancers_are:
            return
        self._balancers_are, self._balancers = are, read_balancers()
        self._sources.clear()
        for conn in self._uploads_held:
            self._find_source(conn)
        waiting = [conn for queue in self._waiting.values() for conn in queue]
        self._waiting.clear()
        for conn in waiting:
            self._find_source(conn)
            self._held.append(conn)
        if waiting and not self.busy():
            self._take()

    def _find_workers(self) -> None:
        """See which workers there are: there are too many places to look through for each request."""
        self._workers_begun = workers_begun[0]
        places = [place for place, state in enumerate(workers_state) if state or place == self._place]
        self._marks = [threads_state[place * THREADS : (place + 1) * THREADS] for place in places]

    def _find_source(self, conn: Any) -> None:
        """Note whose a connection is."""
        source = self._sources.get(conn.addresses) if conn.addresses else MANY
        if source is None:
            if len(self._sources) >= SOURCES_KEPT:
                self._sources.clear()
            source = self._sources[conn.addresses] = source_of(conn.addresses, self._balancers)
        if source != conn.source:
            if conn.source:
                self._forget(conn.source)
            conn.source = source
            self._connections[source] = self._connections.get(source, 0) + 1

    def _forget(self, source: int) -> None:
        """Count one connection of a source less."""
        left = self._connections.pop(source, 1) - 1
        if left:
            self._connections[source] = left

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
        self._forget(conn.source)
        util.close(conn.sock)
        return True

    def _take(self) -> None:
        """Serve what waits, as far as there are free threads."""
        while not self.busy():
            if self._held:
                conn = self._held.popleft()
                if not self._serve(conn):
                    self._waiting.setdefault(conn.source, deque()).appendleft(conn)
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

    def _close(self, conn: Any, *, graceful: bool = False) -> None:
        """Close a connection; gracefully, once the client has closed it too, for which no thread waits."""
        try:
            if graceful:
                conn.sock.shutdown(socket.SHUT_WR)
                ended = Ended(conn.sock, conn.source)
                ended.close = partial(self._close, ended)
                self._watch(ended, LINGER_SECONDS, self._drain)
                self.nr_conns += 1
                return
        except OSError:
            pass  # the client has closed it already
        self._forget(conn.source)
        util.close(conn.sock)

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
    source: int
    timeout: float = 0.0
    close: Callable[[], None] = field(init=False)


def place(worker: Any) -> int:
    """Return the place of a worker in what all see of each other."""
    return int(worker.age) % len(workers_state)


def threads_of(place: int) -> range:
    """Return which of the numbers of all threads are those of a worker."""
    return range(place * THREADS, (place + 1) * THREADS)


def read_balancers() -> list[Network]:
    """Return the networks of balancers; what is no address is none."""
    found: list[Network] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in BALANCERS.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(ipaddress.ip_network(line, strict=False))
    return found


def source_of(addresses: tuple[str, str], balancers: Iterable[Network]) -> int:
    """Return the source of a connection, an even number: an IPv4 address, an IPv6 network of 64 bits, or a balancer.

    Args:
        addresses: the client's, and the one that it has connected to.
        balancers: their networks.
    """
    address, own = (_plain(ipaddress.ip_address(one)) for one in addresses)
    if any(address in network for network in balancers):
        return MANY
    if address.is_loopback or own.is_loopback or address == own:
        # Whoever is on this machine may have any address of 127.0.0.0/8.
        named = "this machine"
    elif isinstance(address, ipaddress.IPv4Address):
        named = str(address)
    else:
        named = f"{int(address) >> 64:x}"
    return 2 + 2 * zlib.crc32(named.encode())


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that one of IPv6 stands for, if it does."""
    return getattr(address, "ipv4_mapped", None) or address


def worker_abort(worker: Any) -> None:
    """Remember of this worker that the master gives it up, since it hangs."""
    worker.given_up = True


def worker_exit(_server: Any, worker: Any) -> None:
    """Tell the master that this worker ends as it was told to; one that is killed tells nothing."""
    ended_well[place(worker)] = not worker.alive and not hasattr(worker, "given_up")


def child_exit(_server: Any, worker: Any) -> None:
    """Forget a worker that has ended."""
    deaths[0] += not ended_well[place(worker)]
    workers_state[place(worker)] = 0
    ended_well[place(worker)] = 0
    for slot in threads_of(place(worker)):
        threads_state[slot] = 0


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
