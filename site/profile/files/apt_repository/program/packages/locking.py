"""One publication at a time."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from packages.errors import PublishError
from packages.repository import Repository


@contextmanager
def only_one(repository: Repository) -> Iterator[int]:
    """Hold the lock, waiting for a publication that is under way; yields its descriptor.

    Raises:
        PublishError: it is not there.
    """
    try:
        handle = repository.lock.open("a+")
    except OSError as error:
        raise PublishError(f"{repository.lock}: {error.strerror}: run puppet agent, which makes it") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            who = handle.read().strip() or "unknown"
            print(f"publish-package: process {who} publishes: waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield handle.fileno()
