"""The units that this program writes, made from the unit of a release."""

from .service import Service
from .unit import SOCKET_SECTION, Unit, section

# Else a service that is restarted often within ten seconds loses its socket, and comes back without it.
NO_START_LIMIT = "StartLimitIntervalSec=0"
TRIAL_STOP_SECONDS = 5
"""For how long a check may finish what it has begun: health checks, for which a run would wait."""


def socket_text(service: Service, unit: Unit) -> str:
    """Return the text of NAME.socket for a release."""
    settings = "\n".join(section(unit.text, SOCKET_SECTION))
    return (
        "# Written by flask-microservice, from the unit of the release that serves.\n"
        f"[Unit]\nDescription=Port of the microservice {service.name}\n{NO_START_LIMIT}\n\n"
        f"[Socket]\n{settings}\nService={service.name}.service\n\n"
        "[Install]\nWantedBy=sockets.target\n"
    )


def check_socket_text(service: Service, release: str, checking: bool) -> str:
    """Return the text of the socket on which a release answers health checks; it goes when its service goes."""
    unit = service.check_unit(release) if checking else service.instance(release)
    return (
        f"# Written by flask-microservice.\n[Unit]\nDescription=Health checks of {unit}\nPartOf={unit}\n"
        f"{NO_START_LIMIT}\n\n"
        f"[Socket]\nListenStream={service.check_socket(release, checking)}\nSocketMode=0600\nRemoveOnStop=yes\n"
    )


def check_unit_text(service: Service, unit: Unit, release: str) -> str:
    """Return the unit of a check: that of the release, on a socket of its own, and given up at its first failure."""
    own_socket = f"{service.name}-check@{release}.socket"
    changed = {
        "Sockets": f"Sockets={own_socket}",
        "Requires": f"Requires={own_socket}",
        "After": f"After={own_socket}",
        "Restart": "Restart=no",
        "TimeoutStopSec": f"TimeoutStopSec={TRIAL_STOP_SECONDS}",
        "PartOf": "",
    }
    return "\n".join(changed.get(line.partition("=")[0], line) for line in unit.text.split("\n"))
