"""Progress of long work: what is being done, what it took, and what is being waited for."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable

HEARTBEAT_SECONDS = 20.0

_began = time.monotonic()
_running: dict[str, float] = {}
_lock = threading.Lock()
_beating = threading.Lock()
finished: list[tuple[str, float]] = []
"""Each step that was done in this run, with its duration in seconds, in the order they ended."""


def say(text: str) -> None:
    """Print one line of progress on standard error, with the seconds since fleet was started.

    It may be what a machine says: nothing in it moves the cursor.
    """
    sys.stderr.write(f"[{time.monotonic() - _began:6.1f} s] {printable(text)}\n")
    sys.stderr.flush()


@contextmanager
def step(name: str) -> Iterator[None]:
    """Announce a piece of work and say at its end how long it took."""
    start = time.monotonic()
    say(f"{name} …")
    with _lock:
        _running[name] = start
    try:
        yield
    except BaseException:
        say(f"{name}: FAILED after {time.monotonic() - start:.1f} s")
        raise
    else:
        took = time.monotonic() - start
        finished.append((name, took))
        say(f"{name}: done in {took:.1f} s")
    finally:
        with _lock:
            _running.pop(name, None)


def _heartbeat(stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        now = time.monotonic()
        with _lock:
            waiting = [f"{name} ({now - start:.0f} s)" for name, start in _running.items()]
        if waiting:
            say("still at work: " + ", ".join(waiting))


@contextmanager
def heartbeat() -> Iterator[None]:
    """Say every now and then which steps are still running; within another one, that one says it."""
    if not _beating.acquire(blocking=False):
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_heartbeat, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _beating.release()


class Parallel:
    """Pieces of work that run side by side; a piece may wait for others by their name.

    A failure is raised once the pieces that already run have ended; pieces that wait for a failed one do not start.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=16)
        self._futures: dict[str, Future[None]] = {}

    def add(self, name: str, work: Callable[[], object], after: tuple[str, ...] = ()) -> None:
        """Start a piece of work as soon as the pieces named in `after` are done."""
        needed = [self._futures[dependency] for dependency in after]

        def piece() -> None:
            for future in needed:
                future.result()
            work()

        self._futures[name] = self._pool.submit(piece)

    def finish(self) -> None:
        """Wait for all of it.

        Raises:
            FleetError: what failed first; more failures are in the same message.
        """
        wait(self._futures.values())
        self._pool.shutdown()
        failures: list[BaseException] = []
        for future in self._futures.values():
            error = future.exception()
            if error is not None and error not in failures:
                failures.append(error)
        for failure in failures:
            if not isinstance(failure, FleetError):
                raise failure
        if failures:
            raise FleetError("\n".join(str(failure) for failure in failures))
