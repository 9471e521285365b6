"""The services of machines that read the same: what the checks of services look at.

flask_microservice::problems fails a catalog for what checks/ find of them; here each mistake has its place in a file,
before anything is deployed.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Set
from dataclasses import dataclass, field
from functools import cached_property

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.placed import Gateway, Placed
from fleet_cli.repository.services import Service, Spot

Together = Mapping[tuple[str, str], set[str]]
"""The services that have a value of a part of their declaration in common, by the part and the value."""


def part_of(service: Service, part: str) -> str:
    """The value of a part that services may not, or not just so, have in common."""
    return service.package if part == "package" else service.text(part)


def together(running: Iterable[Service]) -> Together:
    """Find what services have in common."""
    result: dict[tuple[str, str], set[str]] = {}
    for service in running:
        for part in ("port", "socket", "package"):
            if value := part_of(service, part):
                result.setdefault((part, value), set()).add(service.name)
    return result


@dataclass
class Running:
    """The services of machines that read the same.

    Attributes:
        services: all of them, those that are absent too.
        running: those that are to run, on one of the machines at least.
        together: of all services of their group, which share something.
        touched: the names to look at; the others are the same as in a group that was looked at.
        rewired: those of them that may have other upstreams than there.
        pins: the versions.
        secrets: the values of secrets, by service.
        variables: the secret environment variables that have a value, by service.
        has_secrets: whether these two are in the repository, rather than elsewhere.
        has_database: whether flask_microservice::database says where one is.
        everywhere: the names of all services of the fleet.
        where: the machines in words, such as "tier staging".
        pin_file: the file where a version of theirs is to be pinned.
        placed: on which of the machines each of them runs.
        of_tier: on which machines of their tier each of them runs.
        groups: the groups of nodes that are declared for them.
        gateways: the balancers that they ask others through.
        external: the names of upstreams that are no services of Hiera.
        specific: the files of one machine alone: what is in them is what is new.
    """

    services: MutableMapping[str, Service]
    running: MutableMapping[str, Service]
    together: Together
    touched: set[str]
    rewired: set[str]
    pins: Mapping[str, Spot]
    secrets: Mapping[str, Mapping[tuple[str, str], Spot]]
    variables: Mapping[str, Mapping[str, Spot]]
    has_secrets: bool
    has_database: bool
    everywhere: set[str]
    where: str
    pin_file: str
    placed: Placed = field(default_factory=Placed)
    of_tier: Placed = field(default_factory=Placed)
    groups: Mapping[str, list[str]] = field(default_factory=dict)
    gateways: Iterable[Gateway] = ()
    external: Set[str] = frozenset()
    specific: frozenset[str] = frozenset()

    def runs(self, name: str) -> bool:
        """Whether a service is declared here, and not absent."""
        return name in self.services and self.services[name].present

    def present(self, names: set[str]) -> list[Service]:
        """Those of the named services that are to run, in order."""
        return [self.running[name] for name in sorted(names) if name in self.running]

    @cached_property
    def to_look_at(self) -> list[Service]:
        """Those that are touched and to run, in order: what most checks go through, machine by machine."""
        return self.present(self.touched)

    def free_port(self) -> int:
        """A port that no service of Hiera has."""
        ports = {int(text) for each in self.services.values() if (text := each.text("port")).isdigit()}
        return max(ports, default=7000) + 1

    def sharing(self, part: str) -> dict[str, list[Service]]:
        """The values of a part that a touched service has and another one too, each with these services."""
        values = {part_of(service, part) for service in self.to_look_at} - {""}
        result = {}
        for value in sorted(values):
            names = self.together.get((part, value), set()) | (self.touched if self.specific else set())
            sharing = [service for service in self.present(names) if part_of(service, part) == value]
            if len(sharing) > 1:
                result[value] = sharing
        return result


def at(spot: Spot, code: str, message: str, suggestion: str = "", related: list[Spot] | None = None) -> Finding:
    """A finding at a place in a declaration; it also hangs on what the related places say."""
    files = frozenset(each.file for each in related or ())
    return Finding(spot.file, spot.line, spot.column, code, message, suggestion, files)
