"""What a service does now, beside what Puppet has declared."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from flask_microservice.errors import SwitchError
from flask_microservice.files import same
from flask_microservice.generated import socket_text
from flask_microservice.health import ready
from flask_microservice.service import UNITS, Service, declared_names
from flask_microservice.systemd import show
from flask_microservice.units import Serving, Unit


@dataclass
class Status:
    """A service of this node.

    Attributes:
        state: serving, or why not: new, outdated, stopped, interrupted, rolled-back, undeclared.
        release: the one that serves.
        declared: the one that Puppet declares.
        kept: releases to go back to.
        ready: what the health check of the running release says; None where it was not asked.
    """

    name: str
    state: str
    version: str
    release: str
    declared: str
    kept: list[str]
    draining: bool
    ready: bool | None = None


def observe(names: Iterable[str] = (), *, health: bool = False) -> list[Status]:
    """Look at services, all that Puppet has declared without names: one call of systemctl for all of them."""
    services = [Service(name) for name in names] or [Service(name) for name in declared_names()]
    serving = {service.name: service.serving() for service in services}
    units: list[str] = []
    for service in services:
        state = serving[service.name]
        units += [f"{service.name}.socket", f"{service.name}.service"]
        units += [service.instance(release) for release in (state.release, *state.kept) if release]
    states = show(units, "ActiveState", "UnitFileState")
    statuses = [_status(service, serving[service.name], states) for service in services]
    if health:
        with ThreadPoolExecutor(16) as pool:
            for status, is_ready in zip(statuses, pool.map(_is_ready, statuses), strict=True):
                status.ready = is_ready
    return statuses


def _status(service: Service, serving: Serving, states: dict[str, dict[str, str]]) -> Status:
    try:
        unit, declared = service.declared()
    except SwitchError:
        version = serving.release.rpartition(".")[0]
        return Status(service.name, "undeclared", version, serving.release, "", serving.kept, service.draining.exists())

    def active(name: str) -> bool:
        return states.get(name, {}).get("ActiveState") == "active"

    def enabled(name: str) -> bool:
        return states.get(name, {}).get("UnitFileState") == "enabled"

    known = {serving.release, *serving.kept}
    state = "serving"
    if not serving.release:
        state = "new"
    elif (
        (service.instances() | service.prepared()) - known
        or service.trials()
        or service.half_prepared()
        or any(active(service.instance(release)) for release in serving.kept)
    ):
        state = "interrupted"
    elif declared == serving.rolled_back:
        state = "rolled-back"
    elif declared != serving.release:
        state = "outdated"
    elif not (
        all(active(name) for name in (f"{service.name}.socket", f"{service.name}.service"))
        and all(enabled(name) for name in (f"{service.name}.socket", f"{service.name}.service"))
        and active(service.instance(serving.release))
        and same(service.socket_unit, socket_text(service, unit))
        and same(UNITS / service.instance(serving.release), unit.text)
    ):
        state = "stopped"
    version = serving.release.rpartition(".")[0]
    return Status(service.name, state, version, serving.release, declared, serving.kept, service.draining.exists())


def _is_ready(status: Status) -> bool:
    service = Service(status.name)
    if not status.release:
        return False
    path = service.check_socket(status.release)
    try:
        unit = Unit.read(service.directory(status.release) / "unit")
    except SwitchError:
        return False
    return ready(path, unit.setting("HealthPath")) == ""


def print_table(statuses: Sequence[Status]) -> None:
    """Print services as a table."""
    if not statuses:
        print("No service is declared on this node.")
        return
    health = {True: "ready", False: "not ready", None: ""}
    rows = [("SERVICE", "STATE", "RELEASE", "HEALTH", "KEPT")]
    for status in statuses:
        said = "draining" if status.draining else health[status.ready]
        rows.append((status.name, status.state, status.release or "-", said, " ".join(status.kept) or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))
