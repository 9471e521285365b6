"""NAME.socket, which owns the port of a service."""

from .errors import SwitchError
from .files import same, write
from .journal import last_words
from .service import Service
from .serving import Serving
from .systemd import is_active, reload, systemctl
from .unit import Unit, section
from .unit_texts import socket_text


def is_open(service: Service, unit: Unit) -> bool:
    """Whether it listens where, and as, a release's unit says."""
    try:
        written = service.socket_unit.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    listens = section(written, "Socket") == section(socket_text(service, unit), "Socket")
    return listens and is_active(service.socket_unit.name)


def listen(service: Service, unit: Unit) -> None:
    """Listen where a release's unit says; a release that serves meanwhile keeps what it listens on."""
    opened = is_open(service, unit)
    if not same(service.socket_unit, socket_text(service, unit)):
        write(service.socket_unit, socket_text(service, unit))
        reload()
    if opened:
        return
    port, state = service.socket_unit.name, service.state_unit.name
    # A socket can't start while its service is active, and stopping that would stop the release that is part of it.
    systemctl("stop", "--job-mode=ignore-dependencies", port, state)
    try:
        systemctl("start", port)
    except SwitchError:
        raise SwitchError(f"its port can't be opened: {last_words(port)}") from None
    finally:
        systemctl("start", "--job-mode=ignore-dependencies", state, check=False)


def restore(service: Service, before: Serving) -> None:
    """Listen again where the release that serves does, or nowhere if none does."""
    if before.release:
        listen(service, service.unit(before.release))
        return
    for unit in (service.socket_unit, service.state_unit):
        systemctl("stop", unit.name, check=False)
        unit.unlink(missing_ok=True)
