"""A service removed from the node."""

import sys

from .confining import forget
from .errors import SwitchError
from .files import remove_tree
from .instances import end_check, remove_release
from .service import Service
from .systemd import reload, systemctl


def remove_service(service: Service) -> None:
    """Stop a service and remove its releases and units; nothing if it is not there."""
    units = (service.socket_unit, service.state_unit)
    names = [unit.name for unit in units]
    if not (service.instances() or any(unit.exists() for unit in units) or service.releases.exists()):
        return
    print(f"{service.name}: removing", file=sys.stderr, flush=True)
    for release in service.being_checked():
        end_check(service, release)
    systemctl("disable", "--quiet", *names, check=False)
    # All of them at once: each may take as long as its requests under way do, and what they use goes after this.
    systemctl("stop", *names, *(service.instance(release) for release in sorted(service.instances())), check=False)
    for release in service.instances():
        remove_release(service, release)
    for unit in units:
        unit.unlink(missing_ok=True)
    remove_tree(service.releases)
    remove_tree(service.run)
    reload()
    try:
        forget(service)
    except SwitchError as error:  # rules for an account without processes are in nobody's way
        print(f"{service.name}: {error}", file=sys.stderr, flush=True)
