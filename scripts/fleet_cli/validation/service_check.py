"""The services of all machines: each group of machines once, and what single machines have of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fleet_cli.validation import services
from fleet_cli.validation.documents import Document
from fleet_cli.validation.file_check import Checked
from fleet_cli.validation.finding import Finding, did_you_mean
from fleet_cli.validation.fleet_data import FleetData, Group
from fleet_cli.validation.layers import TIER, Machine
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.service_rules import Running

_OWN = (services.SERVICES, services.VERSIONS)


def running(data: FleetData, code: PuppetCode) -> Iterator[Running]:
    """The services of each group of machines that runs some, and of each machine that has something of its own."""
    everywhere = declared(data)
    for group, machines in data.groups.items():
        if not runs_services(code, group) or not known_tier(data, group[1]):
            continue
        files = _documents(data, data.shared[group])
        shared = services.merged(files)
        yield _running(data, group, files, shared, set(shared), everywhere)
        for machine in machines:
            if own := _of_one(data, machine, shared, everywhere):
                yield own


def known_tier(data: FleetData, tier: str) -> bool:
    """Whether a tier is one that Hiera knows: of another one only its name is wrong."""
    return not data.tiers or tier in data.tiers


def runs_services(code: PuppetCode, group: Group) -> bool:
    """Whether machines of a group run services at all."""
    return services.CLASS in code.reach(group[0]).classes


def declared(data: FleetData) -> set[str]:
    """The names of all services that any file declares with a port or a socket, or that have a file of their own."""
    result = set()
    for name in data.places:
        for service, pair in services.entries(data.documents[name], services.SERVICES):
            if isinstance(pair.node.value, dict) and {"port", "socket"} & pair.node.value.keys():
                result.add(service)
    return result


def name_findings(data: FleetData, checked: Mapping[str, Checked]) -> Iterator[Finding]:
    """Names of services that are none."""
    known = declared(data)
    packages = {
        str(pair.node.value["package"].node.value)
        for name in data.places
        for _, pair in services.entries(data.documents[name], services.SERVICES)
        if isinstance(pair.node.value, dict) and "package" in pair.node.value
    }
    for name in data.places:
        for each in checked[name].names:
            top, *below = each.path
            if top == services.SERVICES and "upstreams" not in below:
                continue  # where it stands is its declaration, or it is a package
            if each.name not in known and not (top == services.VERSIONS and each.name in packages):
                suggestion = did_you_mean(each.name, known) or "declare it, or drop it here"
                message = f"'{each.name}' is no declared service"
                yield Finding(name, each.line, each.column, "unknown-service", message, suggestion)


def _documents(data: FleetData, names: list[str]) -> list[tuple[str, Document]]:
    return [(name, data.documents[name]) for name in names]


def _of_one(
    data: FleetData, machine: Machine, shared: Mapping[str, services.Service], everywhere: set[str]
) -> Running | None:
    """The services of which a machine has something of its own; None if there are none."""
    own = [name for name in data.own.get(machine.certname, ()) if any(key in data.documents[name].top for key in _OWN)]
    if not own:
        return None
    touched = {
        service
        for name in own
        for key in _OWN
        for service, _ in services.entries(data.documents[name], key)
        if key == services.SERVICES or service in shared
    }
    files = _documents(data, data.files_of(machine))
    merged = {**shared, **services.merged(files, touched)}
    return replace(_running(data, machine.group, files, merged, touched, everywhere), specific=frozenset(own))


def _running(  # noqa: PLR0917
    data: FleetData, group: Group, files: list[tuple[str, Document]], merged: Mapping[str, services.Service],
    touched: set[str], everywhere: set[str],
) -> Running:  # fmt: skip
    return Running(
        merged, touched, services.versions(files), services.secret_values(files),
        any(services.DATABASE in document.top for _, document in files), everywhere, f"tier {group[1]}",
        data.layers.file_for("tier", group[1]) or f"the layer of {TIER}",
    )  # fmt: skip
