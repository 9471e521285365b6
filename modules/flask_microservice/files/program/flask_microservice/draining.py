"""Services that answer their health check with 503 while they go on serving."""

import time
from collections.abc import Sequence

from .errors import SwitchError
from .service import Service, declared_names


def drain(services: Sequence[Service], seconds: float) -> None:
    """Have services drain, and wait so long if there are any."""
    for service in services:
        service.run.mkdir(parents=True, exist_ok=True)
        service.draining.touch()
    if services:
        time.sleep(seconds)


def undrain(service: Service) -> None:
    """Have a service answer its health check itself again."""
    service.draining.unlink(missing_ok=True)


def declared_services(names: Sequence[str]) -> list[Service]:
    """Return the services of these names; SwitchError if one of them is not declared on this node."""
    unknown = sorted(set(names) - set(declared_names()))
    if unknown:
        raise SwitchError(f"no such service on this node: {', '.join(unknown)}")
    return [Service(name) for name in names]
