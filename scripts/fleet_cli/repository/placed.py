"""On which machines of a tier each service runs, and whom it may ask elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleet_cli.repository import placement
from fleet_cli.repository.documents import items, mapping
from fleet_cli.repository.services import Said, Service

GROUPS = "flask_microservice::groups"
GATEWAYS = "flask_microservice::gateways"
EXTERNAL = "flask_microservice::external"


@dataclass(frozen=True)
class Placed:
    """The machines of services.

    Attributes:
        machines: the certnames of all machines that run services.
        where: the certnames of the machines of each service that names some; all others run on all machines.
    """

    machines: frozenset[str] = frozenset()
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, service: str) -> frozenset[str]:
        """The machines of a service."""
        return self.where.get(service, self.machines)

    def nowhere(self, service: str) -> bool:
        """Whether a service names machines, and there are no such."""
        return service in self.where and not self.where[service]

    def meet(self, services: Iterable[str]) -> bool:
        """Whether some machine runs all of these services."""
        limited = [self.where[service] for service in services if service in self.where]
        return not limited or bool(frozenset.intersection(*limited))


@dataclass(frozen=True)
class Gateway:
    """A balancer that services ask others through, by the name in its certificate."""

    name: str
    only: frozenset[str] | None
    excepted: frozenset[str]

    def balances(self, service: str) -> bool:
        """Whether it is in front of a service."""
        return (self.only is None or service in self.only) and service not in self.excepted


def place(services: Mapping[str, Service], groups: Mapping[str, list[str]], certnames: Iterable[str]) -> Placed:
    """Find the machines of services among those with these certnames."""
    machines = frozenset(certnames)
    found: dict[str, frozenset[str]] = {}

    def matching(pattern: str) -> frozenset[str]:
        if pattern not in found:
            found[pattern] = frozenset(name for name in machines if placement.matches(pattern, name))
        return found[pattern]

    where = {}
    for name, service in services.items():
        if service.nodes:
            words = [str(spot.node.value) for spot in service.nodes]
            patterns = [pattern for word in words for pattern in groups.get(word, [word])]
            where[name] = frozenset[str]().union(*(matching(pattern) for pattern in patterns))
    return Placed(machines, where)


def group(_name: str, said: Iterable[Said]) -> list[str]:
    """The certnames and patterns of a group of nodes."""
    return [str(item.value) for one in said for item in items(one.pair.node)]


def gateway(name: str, said: Iterable[Said]) -> Gateway:
    """A balancer, with what the files say of it together."""
    parts: dict[str, set[str]] = {}
    for one in said:
        for part, value in mapping(one.pair.node).items():
            parts.setdefault(part, set()).update(str(item.value) for item in items(value.node))
    return Gateway(name, frozenset(parts["only"]) if "only" in parts else None, frozenset(parts.get("except", ())))
