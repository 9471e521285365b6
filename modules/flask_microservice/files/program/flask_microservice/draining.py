"""Services that tell balancers to turn away while they go on serving."""

import time
from collections.abc import Sequence

from flask_microservice.errors import SwitchError
from flask_microservice.service import Service, declared_names


def drain(names: Sequence[str], seconds: float) -> None:
    """Have services answer their health check with 503 while they go on serving, and wait."""
    unknown = sorted(set(names) - set(declared_names()))
    if unknown:
        raise SwitchError(f"no such service on this node: {', '.join(unknown)}")
    for name in names:
        service = Service(name)
        service.run.mkdir(parents=True, exist_ok=True)
        service.draining.touch()
    if names:
        time.sleep(seconds)
