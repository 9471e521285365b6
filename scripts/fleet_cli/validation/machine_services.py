"""The services of all machines: each group of machines once, and what single machines have of their own."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import replace

from fleet_cli.repository import placed, services
from fleet_cli.repository.documents import Pair, mapping
from fleet_cli.repository.fleet_data import FleetData, Group
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import TIER
from fleet_cli.repository.services import Service
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.running import Running, together

_LINKS = {"ensure", "nodes", "package", "port", "socket", "through", "upstreams"}
"""What of one service's declaration others may be at odds with."""
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
                if certnames is not None and machine.certname not in certnames:
                    continue
                if any(key in data.documents[name].top for name in data.own.get(machine.certname, ()) for key in _OWN):
                    yield _of_machine(data, machine, shared)


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
    keys = (*_OWN, services.SECRETS, services.SECRET_ENVIRONMENT, placed.GROUPS, placed.GATEWAYS, placed.EXTERNAL)
    files = {key: data.in_order(data.shared_with[group].get(key, ())) for key in keys}
    said = services.declarations(files[services.SERVICES])
    merged = {name: services.merged(name, its) for name, its in said.items()}
    groups = placed.groups(files[placed.GROUPS])
    places = placed.place(merged, groups, _of_tier(data, code, group[1]))
    here = {machine.certname for machine in data.groups[group]}
    present = {
        name: service
        for name, service in merged.items()
        if service.present and (name not in places.where or not here.isdisjoint(places.where[name]))
    }
    return Running(
        services=merged, running=present, together=together(present.values()), declarations=said,
        touched=set(merged), rewired=set(merged),
        pins=services.versions(files[services.VERSIONS]), secrets=services.secret_values(files[services.SECRETS]),
        variables=services.secret_variables(files[services.SECRET_ENVIRONMENT]),
        has_secrets=bool(files[services.SECRETS] or files[services.SECRET_ENVIRONMENT]),
        has_database=services.DATABASE in data.shared_with[group], everywhere=everywhere, where=f"tier {group[1]}",
        pin_file=data.layers.file_for("tier", group[1]) or f"the layer of {TIER}",
        placed=places, of_tier=places, groups=groups, gateways=placed.gateways(files[placed.GATEWAYS]),
        external=placed.external(files[placed.EXTERNAL]),
    )  # fmt: skip


def _of_tier(data: FleetData, code: PuppetCode, tier: str) -> list[str]:
    """The certnames of the machines of a tier that run services."""
    return [
        machine.certname
        for group, machines in data.groups.items()
        if group[1] == tier and runs_services(code, group)
        for machine in machines
    ]


def _of_machine(data: FleetData, machine: Machine, shared: Running) -> Running:
    """The services of which a machine has something of its own."""
    own = data.in_order(data.own[machine.certname])
    said = services.declarations(own)
    pinned = {name for _, document in own for name, _ in services.entries(document, services.VERSIONS)}
    touched = said.keys() | (pinned & shared.services.keys())
    merged = {name: _merged(data, name, said.get(name, []), shared) for name in touched}
    # Ten thousand machines: none has a copy of what all have.
    present: MutableMapping[str, Service] = ChainMap(merged, shared.running)
    keys = {key for _, document in own for key in document.top}
    groups = placed.groups(data.files_of(machine, placed.GROUPS)) if placed.GROUPS in keys else shared.groups
    limited = {name: shared.services[name] for name in shared.placed.where if name not in merged}
    places = placed.place({**limited, **merged}, groups, [machine.certname])
    if places.where or not all(service.present for service in merged.values()):
        present = {
            name: service
            for name, service in ChainMap(merged, shared.services).items()
            if service.present and not places.nowhere(name)
        }
    return replace(
        shared, services=ChainMap(merged, shared.services), running=present, touched=touched,
        rewired={name for name, its in said.items() if any(_rewires(pair) for _, pair in its)},
        pins=services.versions(data.files_of(machine, services.VERSIONS)) if pinned else shared.pins,
        secrets=services.secret_values(data.files_of(machine, services.SECRETS))
        if services.SECRETS in keys else shared.secrets,
        variables=services.secret_variables(data.files_of(machine, services.SECRET_ENVIRONMENT))
        if services.SECRET_ENVIRONMENT in keys else shared.variables,
        has_secrets=shared.has_secrets or bool({services.SECRETS, services.SECRET_ENVIRONMENT} & keys),
        has_database=shared.has_database or services.DATABASE in keys, specific=frozenset(name for name, _ in own),
        placed=places, groups=groups,
    )  # fmt: skip


def _merged(data: FleetData, name: str, own: list[tuple[str, Pair]], shared: Running) -> Service:
    """Merge what a machine's own files say of a service with what all of its group read."""
    lower = shared.services.get(name)
    if lower is None or not own:
        return lower or services.merged(name, own)
    rest = shared.declarations[name]
    if data.rank(own[-1][0]) < data.rank(rest[0][0]):
        return services.over(services.merged(name, own), lower)
    return services.merged(name, sorted([*own, *rest], key=lambda each: data.rank(each[0])))


def _rewires(declaration: Pair) -> bool:
    """Whether a declaration changes who waits for whom."""
    return bool({"upstreams", "ensure", "nodes", "through"} & mapping(declaration.node).keys())
