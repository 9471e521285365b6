"""The services of all machines: each group of machines once, and what single machines have of their own."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import replace

from fleet_cli.repository import placed, services
from fleet_cli.repository.documents import Pair, mapping
from fleet_cli.repository.fleet_data import FleetData, Group
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import TIER
from fleet_cli.repository.machine_data import MachineData
from fleet_cli.repository.services import Service
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.running import Running, together

_LINKS = {"ensure", "nodes", "package", "port", "socket", "through", "upstreams"}
"""What of one service's declaration others may be at odds with."""
_WIRES = {"ensure", "nodes", "through", "upstreams"}
"""What of a declaration changes who waits for whom."""
_OWN = (services.SERVICES, services.VERSIONS)


def running(data: FleetData, code: PuppetCode, certnames: set[str] | None) -> Iterator[Running]:
    """The services of each group of machines that runs some, and of each machine that has something of its own.

    Args:
        data, code: Hiera, and who reads it.
        certnames: the machines to look at one by one; all, if not given.
    """
    everywhere = data.declared
    for group, machines in data.groups.items():
        if runs_services(code, group) and known_tier(data, group[1]):
            shared = _of_group(data, code, group, everywhere)
            yield shared
            for machine in machines:
                if certnames is None or machine.certname in certnames:
                    gets = data.wide_lookup.of(machine)
                    if gets.has_own(*_OWN):
                        yield _of_machine(machine, gets, shared)


def affected_machines(data: FleetData, paths: Iterable[str]) -> set[str] | None:
    """The machines whose own services a change of files may affect.

    Args:
        data: Hiera.
        paths: the files that changed, below the repository.

    Returns:
        Certnames; None if it may be any machine.
    """
    changed: set[str] = set()
    result: set[str] = set()
    for path in paths:
        place, document = data.places.get(path), data.documents.get(path)
        if place is None or document is None:
            return None
        if (certname := place.given("certname")) is not None:
            result.add(certname)
        elif document.top.keys() <= set(_OWN) and not document.broken:
            changed |= {name for key in _OWN for name, _ in services.entries(document, key)}
        else:
            return None
    if not changed:
        return result or None
    for certname, names in data.own.items():
        entries = [each for name in names for key in _OWN for each in services.entries(data.documents[name], key)]
        if any(service in changed or _LINKS & mapping(pair.node).keys() for service, pair in entries):
            result.add(certname)
    return result


def known_tier(data: FleetData, tier: str) -> bool:
    """Whether a tier is one that Hiera knows: of another one only its name is wrong."""
    return not data.tiers or tier in data.tiers


def runs_services(code: PuppetCode, group: Group) -> bool:
    """Whether machines of a group run services at all."""
    return services.CLASS in code.reach(group[0]).classes


def _of_group(data: FleetData, code: PuppetCode, group: Group, everywhere: set[str]) -> Running:
    gets = data.wide_lookup.of_group(*group)
    merged = gets.services
    places = placed.place(merged, gets.groups, _of_tier(data, code, group[1]))
    here = {machine.certname for machine in data.groups[group]}
    present = {
        name: service
        for name, service in merged.items()
        if service.present and (name not in places.where or not here.isdisjoint(places.where[name]))
    }
    return Running(
        services=merged, running=present, together=together(present.values()),
        touched=set(merged), rewired=set(merged), pins=gets.pins, secrets=gets.secrets, variables=gets.variables,
        has_secrets=gets.has(services.SECRETS) or gets.has(services.SECRET_ENVIRONMENT),
        has_database=gets.has(services.DATABASE), everywhere=everywhere, where=f"tier {group[1]}",
        pin_file=data.layers.file_for("tier", group[1]) or f"the layer of {TIER}",
        placed=places, of_tier=places, groups=gets.groups, gateways=gets.gateways.values(), external=gets.external,
    )  # fmt: skip


def _of_tier(data: FleetData, code: PuppetCode, tier: str) -> list[str]:
    """The certnames of the machines of a tier that run services."""
    return [
        machine.certname
        for group, machines in data.groups.items()
        if group[1] == tier and runs_services(code, group)
        for machine in machines
    ]


def _of_machine(machine: Machine, gets: MachineData, shared: Running) -> Running:
    """The services of which a machine has something of its own."""
    declared, own, said = gets.services, gets.own_services, gets.own_entries(services.SERVICES)
    alone = gets.replaces(services.SERVICES)
    pinned = [name for name in gets.own_entries(services.VERSIONS) if name in declared]
    touched = {**own, **{name: declared[name] for name in pinned}} if pinned else own
    # Ten thousand machines: none has a copy of what all have.
    present: MutableMapping[str, Service] = ChainMap(touched, shared.running)
    places = placed.place(gets.limited, gets.groups, [machine.certname])
    if places.where or alone or not all(service.present for service in touched.values()):
        present = {name: service for name, service in declared.items() if service.present and not places.nowhere(name)}
    return replace(
        shared, services=declared, running=present, touched=set(touched),
        rewired={name for name, its in said.items() if any(_rewires(one.pair) for one in its)},
        pins=gets.pins, secrets=gets.secrets, variables=gets.variables,
        has_secrets=shared.has_secrets or gets.has_own(services.SECRETS, services.SECRET_ENVIRONMENT),
        has_database=shared.has_database or gets.has_own(services.DATABASE),
        specific=frozenset(one.name for one in gets.own), placed=places, groups=gets.groups,
    )  # fmt: skip


def _rewires(declaration: Pair) -> bool:
    """Whether a declaration changes who waits for whom."""
    return not _WIRES.isdisjoint(mapping(declaration.node))
