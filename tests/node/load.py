"""Steady load on a service from many clients, and what of it was lost."""

import http.client
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


@dataclass
class Load:
    """Clients that ask a URL again and again, from `with` to its end.

    A request is lost if it got no answer, or one that is not 200.

    Attributes:
        keep_alive: whether a client keeps its connection; else it makes a new one for each request.
        lost: what became of each lost request.
        answered: how many were answered.
        slowest: seconds that the slowest answer took.
        releases: how many answers came from each release, as the header X-Release says.
    """

    url: str
    keep_alive: bool = False
    clients: int = CLIENTS
    lost: list[str] = field(default_factory=list)
    answered: int = 0
    slowest: float = 0.0
    releases: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(self.clients)]

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

    def __str__(self) -> str:
        kind = "keep-alive" if self.keep_alive else "new connections"
        return f"{kind}: {self.answered} answered, {len(self.lost)} lost, slowest {self.slowest:.2f} s"

    def _ask(self) -> None:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT_SECONDS)
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                connection.request("GET", address.path)
                response = connection.getresponse()
                response.read()
                what = "" if response.status == http.client.OK else f"status {response.status}"
                release = response.headers.get("X-Release", "")
            except (OSError, http.client.HTTPException) as error:
                what, release = f"{type(error).__name__}: {error}", ""
                connection.close()
            took = time.monotonic() - started
            if not self.keep_alive:
                connection.close()
            with self._lock:
                self.slowest = max(self.slowest, took)
                if what:
                    self.lost.append(what)
                else:
                    self.answered += 1
                    self.releases[release] += 1
            self._stop.wait(THINK_SECONDS)
        connection.close()
