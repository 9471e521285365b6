"""The lock under which a service is changed."""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import places
from .errors import SwitchError, reason
from .service import Service

LOCK_SECONDS = 300.0
POLL_SECONDS = 0.1


@contextmanager
def locked(service: Service) -> Iterator[None]:
    """Hold the service's lock; SwitchError if another process holds it for too long."""
    service.run.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (places.RUN / f"{service.name}.lock").open("a+") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                other = file.read().strip() or "unknown"
            if time.monotonic() > deadline:
                raise SwitchError(f"another switch of it (process {other}) has not ended after {LOCK_SECONDS:.0f} s")
            if not told:
                print(f"{service.name}: waiting for another switch (process {other})", file=sys.stderr, flush=True)
                told = True
            time.sleep(POLL_SECONDS)
        try:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        except OSError as error:
            raise SwitchError(f"{reason(error)} ({file.name})") from None
        yield
