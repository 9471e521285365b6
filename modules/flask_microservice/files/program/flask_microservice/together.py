"""Many services switched at once, a few at a time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from . import threads
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

    def work(service: Service) -> None:
        outcomes[service.name] = _switch(service, even_if_rolled_back)

    if len(services) == 1:
        work(services[0])
    else:
        threads.start(work, services, AT_ONCE)()
    return outcomes


def _switch(service: Service, even_if_rolled_back: bool) -> Outcome:
    try:
        with locked(service):
            return Outcome(changed=Switch(service).to_declared(even_if_rolled_back=even_if_rolled_back))
    except (SwitchError, OSError) as error:
        return Outcome(error=reason(error))
