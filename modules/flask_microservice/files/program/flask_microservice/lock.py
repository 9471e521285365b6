"""The lock under which a service is changed.

Whoever can open a file can lock it: so these are in a directory that only root can enter.
"""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import places
from .errors import SwitchError, reason
from .service import Service

LOCK_SECONDS = 300.0
POLL_SECONDS = 0.1
LONGEST_PID = 20


@contextmanager
def locked(service: Service) -> Iterator[None]:
    """Hold the service's lock; SwitchError if another process holds it for too long."""
    service.run.mkdir(parents=True, exist_ok=True, mode=0o755)
    deadline = time.monotonic() + LOCK_SECONDS
    lock = open_lock(service.name)
    try:
        _wait(service, lock, deadline)
        before = _lock_of_before(service)
        try:
            if before is not None:
                _wait(service, before, deadline, counts=_is_switch)
            _write_pid(service, lock)
            yield
        finally:
            if before is not None:
                os.close(before)
    finally:
        os.close(lock)


def open_lock(name: str) -> int:
    """Open a lock that nobody but root can open; return its descriptor."""
    places.LOCKS.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = os.open(places.LOCKS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(directory, 0o700)
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    finally:
        os.close(directory)


def _lock_of_before(service: Service) -> int | None:
    """Open the lock that this program had before, if there is one: a switch of then may be under way.

    Everybody could take it, so it counts only as long as the process whose number is in it is a switch (_is_switch).
    """
    try:
        return os.open(places.RUN / f"{service.name}.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


def _is_switch(pid: str) -> bool:
    """Whether a process is this program of another switch, of root."""
    process = places.PROCESSES / pid
    try:
        runs = b"flask-microservice" in (process / "cmdline").read_bytes()
        return runs and pid != str(os.getpid()) and process.stat().st_uid == os.geteuid()
    except (OSError, ValueError):
        return False


def _wait(service: Service, lock: int, deadline: float, counts: Callable[[str], bool] = bool) -> None:
    """Take a lock; SwitchError if that is not possible until a deadline.

    Args:
        service: whose lock it is.
        lock: the open file.
        deadline: in seconds of time.monotonic().
        counts: whether to wait for the process with the number in the file; if not, go on without the lock.
    """
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            other = os.pread(lock, LONGEST_PID, 0).decode(errors="replace").strip() or "unknown"
        if not counts(other):
            return
        if time.monotonic() > deadline:
            raise SwitchError(f"another switch of it (process {other}) has not ended after {LOCK_SECONDS:.0f} s")
        if not told:
            print(f"{service.name}: waiting for another switch (process {other})", file=sys.stderr, flush=True)
            told = True
        time.sleep(POLL_SECONDS)


def _write_pid(service: Service, lock: int) -> None:
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except OSError as error:
        raise SwitchError(f"{reason(error)} ({places.LOCKS / service.name})") from None
