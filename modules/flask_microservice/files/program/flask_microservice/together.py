"""Many services switched at once, a few at a time."""

import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import SwitchError, reason
from .lock import locked
from .service import Service
from .switching import Switch

AT_ONCE = 2 * (os.cpu_count() or 1)
"""How many: a switch waits more than it works, but each has a second release in memory."""


@dataclass
class Outcome:
    """What came of a switch: whether it changed which release serves, or why it could not."""

    changed: bool = False
    error: str | None = None


def switch_all(services: Sequence[Service], *, even_if_rolled_back: bool) -> dict[str, Outcome]:
    """Have each service serve what is declared, or go on with what it serves; by name."""
    outcomes = {service.name: Outcome(error="its switch ended without a result") for service in services}
    waiting: queue.SimpleQueue[Service] = queue.SimpleQueue()
    for service in services:
        waiting.put(service)

    def work() -> None:
        while True:
            try:
                service = waiting.get_nowait()
            except queue.Empty:
                return
            outcomes[service.name] = _switch(service, even_if_rolled_back)

    if len(services) == 1:
        work()
        return outcomes
    # Not a pool's: the end of this process is the end of these, too.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(services)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _switch(service: Service, even_if_rolled_back: bool) -> Outcome:
    try:
        with locked(service):
            return Outcome(changed=Switch(service).to_declared(even_if_rolled_back=even_if_rolled_back))
    except (SwitchError, OSError) as error:
        return Outcome(error=reason(error))
