"""Steady load on a service from many clients, and what of it was lost."""

import http.client
import itertools
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

CLIENTS = 16
THINK_SECONDS = 0.05
"""Between an answer and the same client's next request: together some 250 requests a second."""

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Trust:
    """What a client of a URL with https trusts: certificates of an authority, for a name that stands in no DNS."""

    context: ssl.SSLContext
    name: str


@dataclass
class Load:
    """Clients that ask a URL again and again, from `with` to its end.

    A request is lost if it got no answer, or one that is not 200.

    Attributes:
        keep_alive: whether clients keep their connections, or make a new one for each request; half of them do if None.
        trust: for https.
        lost: what became of each lost request.
        lost_at: when each was lost, as time.monotonic has it.
        wrong: how many of the lost were answered, with another status than 200, by each release.
        answered: how many were answered.
        slowest: seconds that the slowest answer took.
        releases: how many answers came from each release, as the header X-Release says.
    """

    url: str
    keep_alive: bool | None = False
    trust: Trust | None = None
    clients: int = CLIENTS
    lost: list[str] = field(default_factory=list)
    lost_at: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    slowest: float = 0.0
    releases: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        keep = itertools.cycle([True, False]) if self.keep_alive is None else itertools.repeat(self.keep_alive)
        self._threads = [
            threading.Thread(target=self._ask, args=(next(keep),), daemon=True) for _ in range(self.clients)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.until(self.answered + self.clients)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.until(self.answered + 2 * self.clients)
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_SECONDS)

    def until(self, answered: int) -> None:
        """Wait until so many requests were answered or lost."""
        deadline = time.monotonic() + 2 * TIMEOUT_SECONDS
        while self.answered + len(self.lost) < answered and time.monotonic() < deadline:
            self._stop.wait(0.02)

    def more(self, requests: int) -> None:
        """Wait until so many more were answered or lost."""
        self.until(self.answered + len(self.lost) + requests)

    def __str__(self) -> str:
        kind = {None: "half keep-alive", True: "keep-alive", False: "new connections"}[self.keep_alive]
        return f"{kind}: {self.answered} answered, {len(self.lost)} lost, slowest {self.slowest:.2f} s"

    def _connection(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        host, port = str(address.hostname), address.port
        if self.trust:
            return _Trusting(host, port, self.trust)
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)

    def _ask(self, keep: bool) -> None:
        path = urlsplit(self.url).path
        connection = self._connection()
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                what = "" if response.status == http.client.OK else f"status {response.status}"
                release = response.headers.get("X-Release", "")
            except (OSError, http.client.HTTPException) as error:
                what, release = f"{type(error).__name__}: {error}", ""
                connection.close()
            took = time.monotonic() - started
            if not keep:
                connection.close()
            with self._lock:
                self.slowest = max(self.slowest, took)
                if what:
                    self.lost.append(what)
                    self.lost_at.append(started + took)
                    self.wrong.update([release] if release else [])
                else:
                    self.answered += 1
                    self.releases[release] += 1
            self._stop.wait(THINK_SECONDS)
        connection.close()


class _Trusting(http.client.HTTPConnection):
    """A connection over TLS to an address, which has to prove that it is the machine of a name."""

    def __init__(self, host: str, port: int | None, trust: Trust) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self._trust = trust

    def connect(self) -> None:
        raw = socket.create_connection((self.host, self.port), TIMEOUT_SECONDS)
        try:
            self.sock = self._trust.context.wrap_socket(raw, server_hostname=self._trust.name)
        except OSError:
            raw.close()
            raise
