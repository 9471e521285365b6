"""What is wrong with balancers; profile::balancer_problems and its like fail their catalogs for the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from fleet_cli.repository import services
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.placed import Placed
from fleet_cli.repository.services import Service, Spot
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.running import Running

CLASS = "profile::load_balancer"
EXCEPT, PLAIN_PORTS = f"{CLASS}::except", f"{CLASS}::plain_ports"
HSTS, TLS = f"{CLASS}::hsts_seconds", f"{CLASS}::tls"


class Port(NamedTuple):
    """A port that a balancer opens for a service, with TLS or `plain`."""

    service: str
    plain: bool
    spot: Spot

    @property
    def place(self) -> tuple[str, int, int]:
        """Where it is said."""
        return self.spot.file, self.spot.line, self.spot.column


def findings(data: FleetData, code: PuppetCode, running: Iterable[Running]) -> Iterator[Finding]:
    """Ports that a balancer would open twice, and ports without TLS that it tells browsers to avoid.

    Services that share a port on a machine, too, are found already.
    """
    shared = [each for each in running if not each.specific]
    for (role, tier), machines in data.groups.items():
        if CLASS not in code.reach(role).classes:
            continue
        meeting = [each.placed for each in shared if each.where == f"tier {tier}"]
        merged = data.wide_lookup.of_group(role, tier).services
        told: set[tuple[object, object]] = set()
        for machine in machines:
            avoided = _avoided(data, machine)
            if avoided and (avoided.file, avoided.line) not in told:
                told.add((avoided.file, avoided.line))
                yield avoided
            for first, second in _twice(_ports(data, machine, merged), meeting):
                if (first.place, second.place) in told:
                    continue
                told.add((first.place, second.place))
                both = "and".join(f" '{name}' " for name in sorted({first.service, second.service}))
                number, spot = second.spot.node.value, second.spot
                message = f"the balancer {machine.certname} has port {number} twice, for{both}({_where(first)})"
                mend = "give one another port, or have another balancer in front of it ('only', 'except')"
                related = frozenset({first.spot.file})
                yield Finding(spot.file, spot.line, spot.column, "shared-port", message, mend, related)


def _avoided(data: FleetData, machine: Machine) -> Finding | None:
    """HSTS at a balancer that has ports without TLS: a browser keeps to HTTPS at all ports of a name."""
    gets = data.wide_lookup.of(machine)
    hsts, tls = gets.highest(HSTS), gets.highest(TLS)
    if not hsts or hsts.node.value is None:
        return None
    plain = (
        tls if tls and tls.node.value is False else next((said[0] for said in gets.entries(PLAIN_PORTS).values()), None)
    )
    if not plain:
        return None
    key = TLS if plain is tls else PLAIN_PORTS
    message = f"browsers that have seen it no longer reach the ports without TLS of {machine.certname} ({key})"
    related = frozenset({plain.file})
    return Finding(hsts.file, hsts.line, hsts.column, "hsts-and-plain-http", message, "drop one of the two", related)


def _where(port: Port) -> str:
    return f"{port.spot.file}:{port.spot.line}"


def _twice(ports: Iterable[Port], meeting: list[Placed]) -> Iterator[tuple[Port, Port]]:
    """Ports with the number of another one, each with the first of that number."""
    first: dict[str, Port] = {}
    for port in sorted(ports, key=lambda each: (each.plain, each.place)):
        other = first.setdefault(str(port.spot.node.value), port)
        alike = not (port.plain or other.plain) and any(each.meet([port.service, other.service]) for each in meeting)
        if other is not port and not alike:
            yield other, port


def _ports(data: FleetData, machine: Machine, merged: Mapping[str, Service]) -> Iterator[Port]:
    """The ports of a balancer: of all services that some machine of the tier may run and that it is in front of."""
    gets = data.wide_lookup.of(machine)
    gateway = gets.gateways.get(machine.certname)
    excepted = {str(item.value) for item in gets.listed(EXCEPT)}
    for name, service in merged.items():
        nowhere = bool(service.nodes) and all(gets.groups.get(str(spot.node.value)) == [] for spot in service.nodes)
        balanced = name not in excepted and (gateway is None or gateway.balances(name))
        if service.present and service.reached_from_elsewhere and balanced and not nowhere:
            yield Port(name, False, service.fields["port"])
    for name, said in gets.entries(PLAIN_PORTS).items():
        yield Port(name, True, services.pin(name, said))
