"""What is wrong with the places of services: groups and patterns that stand for no machine, or that nobody uses."""

from collections.abc import Iterable, Iterator

from fleet_cli.repository import placed, placement, services
from fleet_cli.repository.documents import Node, items, mapping
from fleet_cli.repository.finding import Finding, did_you_mean, nearest
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.validation.running import Running


def findings(data: FleetData, running: Iterable[Running]) -> Iterator[Finding]:
    """All that is wrong, where the repository says which machines there are."""
    shared = [each for each in running if not each.specific]
    if data.machines:
        yield from _of_groups(data)
        yield from _of_services(data, shared)
        yield from _nowhere(shared)


def _of_groups(data: FleetData) -> Iterator[Finding]:
    used = {str(node.value) for _, _, node in _nodes(data)}
    strangers = used - _declared(data)
    for file in data.with_key(placed.GROUPS):
        place = data.places[file]
        readers = [machine.certname for machine in data.machines if place.read_for(machine)]
        for name, pair in services.entries(data.documents[file], placed.GROUPS):
            # Where somebody has misspelt it, that is the mistake.
            if name not in used and not nearest(name, strangers):
                message = f"no service is placed on the group '{name}'"
                mend = "name it in 'nodes' of a service, or drop it"
                yield Finding(file, pair.line, pair.column, "unused-group", message, mend)
            for node in items(pair.node):
                yield from _pattern(file, node, readers, "that reads this file")


def _declared(data: FleetData) -> set[str]:
    """The names of all groups, of whatever tier."""
    files = data.with_key(placed.GROUPS)
    return {name for file in files for name, _ in services.entries(data.documents[file], placed.GROUPS)}


def _of_services(data: FleetData, shared: list[Running]) -> Iterator[Finding]:
    certnames = [machine.certname for machine in data.machines]
    known = _declared(data)
    for file, service, node in _nodes(data):
        word = str(node.value)
        if word not in known:
            yield from _pattern(file, node, certnames, "of the fleet", sorted(known))
            continue
        lacking = sorted({each.where for each in shared if word not in each.groups and each.runs(service)})
        if lacking:
            message = f"service '{service}' is placed on the group '{word}', which is not declared in the {lacking[0]}"
            mend = f"declare it there in {placed.GROUPS}; {word}: [] if no machine is in it"
            yield Finding(file, node.line, node.column, "unknown-group", message, mend)


def _nowhere(shared: list[Running]) -> Iterator[Finding]:
    """Services that a tier pins a version of, and that no machine of the tier runs."""
    for each in shared:
        for name, service in sorted(each.services.items()):
            pin = each.pins.get(name) or each.pins.get(service.package)
            if pin and service.present and each.placed.nowhere(name):
                message = f"service '{name}' runs on no machine of the {each.where}, which pins its version"
                home = service.nodes[0]
                mend = f"mend 'nodes' ({home.file}:{home.line}), or drop the pin"
                related = frozenset({home.file})
                yield Finding(pin.file, pin.line, pin.column, "placed-nowhere", message, mend, related)


def _pattern(file: str, node: Node, certnames: list[str], whose: str, groups: Iterable[str] = ()) -> Iterator[Finding]:
    pattern = str(node.value)
    if reason := placement.fault(pattern, certnames):
        code = "unknown-group" if "neither" in reason else "wrong-range"
        yield Finding(
            file, node.line, node.column, code, f"'{pattern}' is no node: {reason}", did_you_mean(pattern, groups)
        )
    elif not any(placement.matches(pattern, certname) for certname in certnames):
        message = f"'{pattern}' matches no machine {whose}"
        yield Finding(file, node.line, node.column, "unknown-node", message, did_you_mean(pattern, certnames))


def _nodes(data: FleetData) -> Iterator[tuple[str, str, Node]]:
    """All that services are placed on: the file, the service, and the group or pattern."""
    for file in data.with_key(services.SERVICES):
        for service, pair in services.entries(data.documents[file], services.SERVICES):
            if nodes := mapping(pair.node).get("nodes"):
                for node in items(nodes.node):
                    yield file, service, node
