"""The same done to many services, a few at a time."""

import queue
import threading
from collections.abc import Callable, Iterable

from .service import Service


def start(work: Callable[[Service], None], services: Iterable[Service], limit: int) -> Callable[[], None]:
    """Begin, in so many threads at most; return what waits until all is done.

    They are not a pool's: the end of this process is the end of them, too.
    """
    waiting: queue.SimpleQueue[Service] = queue.SimpleQueue()
    for service in services:
        waiting.put(service)

    def go_on() -> None:
        while True:
            try:
                service = waiting.get_nowait()
            except queue.Empty:
                return
            work(service)

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(min(limit, waiting.qsize()))]
    for thread in threads:
        thread.start()

    def wait() -> None:
        for thread in threads:
            thread.join()

    return wait
