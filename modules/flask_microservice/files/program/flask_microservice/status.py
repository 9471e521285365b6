"""What services of this node do, compared with what Puppet declares."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from . import places, threads
from .errors import SwitchError
from .files import same
from .health import unready
from .naming import version_of
from .service import Declared, Service, declared_names
from .serving import Serving, rolled_back
from .systemd import is_finishing, show
from .unit_texts import socket_text

HEALTH_AT_ONCE = 16
"""How many services are asked for their health at a time."""
UNDECLARED = "runs, undeclared: Puppet has no declaration of it; declare it with 'ensure: absent' to remove it"
"""What is said of a service that runs and that the node's catalog lacks."""
States = dict[str, dict[str, str]]
"""Properties of units, by unit."""


@dataclass
class Status:
    """A service of this node.

    Attributes:
        state: serving, or why not: new, outdated, stopped, interrupted, rolled-back, undeclared. Or gone-back: the
            release serves that an operator went back to, and by now Puppet declares it as well.
        release: the one that serves.
        declared: the one that Puppet declares.
        kept: releases to go back to.
        ready: what the health check of the running release says; None where it was not asked.
        finishing: releases that were told to stop, and have requests under way.
        undeclared: whether Puppet's last catalog lacked it. The state says whether its unit is there.
        note: what is to be known besides; empty if there is nothing.
    """

    name: str
    state: str
    version: str
    release: str
    declared: str
    kept: list[str]
    draining: bool
    ready: bool | None = None
    finishing: list[str] = field(default_factory=list)
    undeclared: bool = False
    note: str = ""


def observe(names: Iterable[str] = (), *, health: bool = False) -> list[Status]:
    """Look at services, all that Puppet has declared without names: one call of systemctl for all of them."""
    services = [Service(name) for name in names] or [Service(name) for name in declared_names()]
    serving = {service.name: service.serving() for service in services}
    ready: dict[str, bool] = {}

    def ask(service: Service) -> None:
        ready[service.name] = _is_ready(service, serving[service.name].release)

    answered = threads.start(ask, services if health else (), HEALTH_AT_ONCE)
    units: list[str] = []
    for service in services:
        units += [service.socket_unit.name, service.state_unit.name]
        releases = serving[service.name].known | service.instances()
        units += [service.instance(release) for release in sorted(releases)]
    states = show(units, "ActiveState", "UnitFileState", "Job")
    statuses = [_status(service, serving[service.name], states) for service in services]
    answered()
    for status in statuses:
        status.ready = ready.get(status.name, False) if health else None
    return statuses


def _status(service: Service, serving: Serving, states: States) -> Status:
    finishing = _finishing(service, serving, states)
    note = ""
    try:
        declared = service.declared()
    except SwitchError:
        state, release = "undeclared", ""
    else:
        state, release = _state(service, serving, declared, states, finishing), declared.release
        if state == "rolled-back":
            note = rolled_back(release, service.name)
    undeclared = service.undeclared()
    if undeclared and serving.release:
        note = UNDECLARED
    version = version_of(serving.release)
    draining = service.draining.exists()
    return Status(
        service.name, state, version, serving.release, release, serving.kept, draining,
        finishing=finishing, undeclared=undeclared, note=note,
    )  # fmt: skip


def _state(service: Service, serving: Serving, declared: Declared, states: States, finishing: list[str]) -> str:
    if not serving.release:
        return "new"
    if _is_interrupted(service, serving, states, finishing):
        return "interrupted"
    if declared.release in serving.rolled_back:
        return "rolled-back"
    if declared.release != serving.release:
        return "outdated"
    if not _is_up(service, declared, states):
        return "stopped"
    return "gone-back" if serving.rolled_back else "serving"


def _finishing(service: Service, serving: Serving, states: States) -> list[str]:
    """Return the releases besides the one that serves that have requests under way."""
    others = sorted((serving.known | service.instances()) - {serving.release})
    return [release for release in others if is_finishing(states.get(service.instance(release), {"ActiveState": ""}))]


def _is_interrupted(service: Service, serving: Serving, states: States, finishing: list[str]) -> bool:
    """Whether there is what only a switch that is under way, or was killed, has on a node."""
    ended = [release for release in serving.kept if release not in finishing]
    return bool(
        (service.instances() | service.prepared()) - serving.known - set(finishing)
        or service.being_checked()
        or service.half_prepared()
        or any(_active(service.instance(release), states) for release in ended)
    )


def _is_up(service: Service, declared: Declared, states: States) -> bool:
    """Whether the declared release runs as it is declared, and will after a reboot."""
    port = (service.socket_unit.name, service.state_unit.name)
    instance = service.instance(declared.release)
    return (
        all(_active(unit, states) for unit in (*port, instance))
        and all(states.get(unit, {}).get("UnitFileState") == "enabled" for unit in port)
        and same(service.socket_unit, socket_text(service, declared.unit))
        and same(places.UNITS / instance, declared.unit.text)
    )


def _active(unit: str, states: States) -> bool:
    return states.get(unit, {}).get("ActiveState") == "active"


def _is_ready(service: Service, release: str) -> bool:
    if not release:
        return False
    try:
        url_path = service.unit(release).setting("HealthPath")
    except SwitchError:
        return False
    return not unready(service.check_socket(release), url_path)
