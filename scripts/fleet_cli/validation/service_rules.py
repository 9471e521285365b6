"""What is wrong with the services of a machine: what only all of their declarations together can tell.

flask_microservice::problems fails a catalog for the same reasons; here each has its place in a file, before anything is
deployed.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Set
from dataclasses import dataclass, field

from fleet_cli.repository.finding import Finding, did_you_mean, nearest
from fleet_cli.repository.placed import GATEWAYS, Gateway, Placed
from fleet_cli.repository.services import Declarations, Service, Spot, version_of
from fleet_cli.validation import eyaml

Together = Mapping[tuple[str, str], set[str]]
"""The services that have a value of a part of their declaration in common, by the part and the value."""


def shared(service: Service, part: str) -> str:
    """The value of a part that services may not, or not just so, have in common."""
    return service.package if part == "package" else service.text(part)


def together(running: Iterable[Service]) -> Together:
    """Find what services have in common."""
    result: dict[tuple[str, str], set[str]] = {}
    for service in running:
        for part in ("port", "socket", "package"):
            if value := shared(service, part):
                result.setdefault((part, value), set()).add(service.name)
    return result


@dataclass
class Running:
    """The services of machines that read the same.

    Attributes:
        services: all of them, those that are absent too.
        running: those that are to run, on one of the machines at least.
        together: of all services of their group, which share something.
        declarations: what files that all machines of their group read say of services.
        touched: the names to look at; the others are the same as in a group that was looked at.
        rewired: those of them that may have other upstreams than there.
        pins: the versions.
        secrets: the values of secrets.
        variables: the secret environment variables that have a value.
        has_secrets: whether these two are in the repository, and not kept elsewhere.
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
    declarations: Declarations
    touched: set[str]
    rewired: set[str]
    pins: Mapping[str, Spot]
    secrets: Mapping[tuple[str, str, str], Spot]
    variables: Set[tuple[str, str]]
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

    def findings(self) -> Iterator[Finding]:
        """All that is wrong."""
        for service in self.present(self.touched):
            yield from self._listening(service)
            yield from self._version(service)
            yield from self._upstreams(service)
            yield from self._secrets(service)
            yield from self._environment(service)
            yield from self._database(service)
            yield from self._data(service)
        yield from self._trial_units()
        yield from self._shared("port", "shared-port")
        yield from self._shared("socket", "shared-socket")
        yield from self._packages()
        yield from self._cycles()

    def runs(self, name: str) -> bool:
        """Whether a service is declared here, and not absent."""
        return name in self.services and self.services[name].present

    def present(self, names: set[str]) -> list[Service]:
        """Those of the named services that are to run, in order."""
        return [self.running[name] for name in sorted(names) if name in self.running]

    def _listening(self, service: Service) -> Iterator[Finding]:
        given = [service.fields[part] for part in ("port", "socket") if part in service.fields]
        if len(given) == 2:
            message = f"service '{service.name}' has both a port and a socket"
            yield _at(given[1], "port-and-socket", message, "drop one of them", related=given)
        if given:
            return
        known = {name for name, each in self.services.items() if {"port", "socket"} & each.fields.keys()}
        if near := did_you_mean(service.name, known):
            for spot in service.declared:
                yield _at(spot, "unknown-service", f"'{service.name}' is no declared service", near)
        else:
            message = f"service '{service.name}' has neither a port nor a socket"
            yield _at(service.home, "no-port", message, f"add port: {self._free_port()}")

    def _free_port(self) -> int:
        ports = {int(text) for each in self.services.values() if (text := each.text("port")).isdigit()}
        return max(ports, default=7000) + 1

    def _version(self, service: Service) -> Iterator[Finding]:
        if not version_of(service, self.pins) and {"port", "socket"} & service.fields.keys():
            message = f"service '{service.name}' has no version in the {self.where}"
            pin = f"pin it in {self.pin_file}: {service.name}: 'VERSION'"
            near = nearest(service.name, self.pins.keys() - self.services.keys())
            spot = service.home
            yield Finding(spot.file, spot.line, spot.column, "no-version", message,
                          f"{pin} ('{near}' has one there)" if near else pin, frozenset({self.pin_file}))  # fmt: skip

    def _upstreams(self, service: Service) -> Iterator[Finding]:
        for spot in service.upstreams:
            name = str(spot.node.value)
            if name == service.name:
                yield _at(spot, "upstream-cycle", f"service '{name}' is its own upstream", "drop it")
            elif name in self.external:
                continue
            elif self.runs(name) and "socket" in self.services[name].fields:
                message = f"the upstream '{name}' of '{service.name}' has a socket, and no port to be asked on"
                yield _at(spot, "unreachable-upstream", message, "give it a port", related=[self.services[name].home])
            elif self.runs(name) and self.of_tier.nowhere(name):
                message = f"the upstream '{name}' of '{service.name}' runs on no machine of the {self.where}"
                yield _at(spot, "unreachable-upstream", message, "mend its 'nodes'", related=[self.services[name].home])
            elif self.runs(name) and (far := self._far(service, name)) and not self._reached(name):
                address = self.services[name].text("address")
                message = f"the upstream '{name}' of '{service.name}' {far}, and listens at {address} alone"
                yield _at(spot, "unreachable-upstream", message, "mend its 'address'",
                          related=[self.services[name].home])  # fmt: skip
            elif self.runs(name) and far and not any(gateway.balances(name) for gateway in self.gateways):
                message = f"the upstream '{name}' of '{service.name}' {far}, and no balancer is in front of it"
                yield _at(spot, "unreachable-upstream", message, f"declare one in {GATEWAYS}",
                          related=[self.services[name].home])  # fmt: skip
            elif name in self.services and name not in self.running and not self.runs(name):
                message = f"the upstream '{name}' of '{service.name}' is absent in the {self.where}"
                yield _at(spot, "unreachable-upstream", message, "drop it", related=[self.services[name].home])
            elif name not in self.services and name in self.everywhere:
                message = f"the upstream '{name}' of '{service.name}' is not declared in the {self.where}"
                yield _at(spot, "unreachable-upstream", message, f"declare '{name}' there, too")
            if ("upstreams", name) in service.config:
                message = f"the address of '{name}' is in 'config' and follows from 'upstreams' as well"
                yield _at(service.config["upstreams", name], "upstream-twice", message, "drop it here", related=[spot])

    def _far(self, service: Service, upstream: str) -> str:
        """Why a service can't ask an upstream on its own machine; empty if it can, wherever it runs."""
        if service.text("through"):
            return "is asked through the balancer"
        away = self.placed.of(service.name) - self.placed.of(upstream)
        return f"does not run on {min(away)}" if away else ""

    def _reached(self, name: str) -> bool:
        """Whether other machines reach a service; where its port is missing, that is the mistake."""
        service = self.services[name]
        return service.reached_from_elsewhere or "port" not in service.fields

    def _secrets(self, service: Service) -> Iterator[Finding]:
        for (section, key), spot in service.secrets.items():
            if (section, key) in service.config:
                message = (
                    f"'{key}' of section '{section}' is a secret of '{service.name}', and stands here in plain text"
                )
                yield _at(service.config[section, key], "plain-secret", message,
                          f"drop it here; it belongs, encrypted, into flask_microservice::secrets ({service.name})",
                          related=[spot])  # fmt: skip
            if self.has_secrets and (service.name, section, key) not in self.secrets:
                near = did_you_mean(
                    key, [name for where, part, name in self.secrets if (where, part) == (service.name, section)]
                )
                message = f"the secret '{section}' → '{key}' of '{service.name}' has no value in the {self.where}"
                yield _at(spot, "no-secret", message, near or "add it, encrypted, to flask_microservice::secrets")

        for (section, key), spot in service.config.items():
            if (section, key) not in service.secrets and (reason := eyaml.looks_secret(key, spot.node)):
                message = f"{reason} in plain text, in the config of '{service.name}'"
                secrets = f"declare it under 'secrets' ({section}: [{key}]), and encrypt its value"
                yield _at(spot, "plain-secret", message, secrets)

    def _environment(self, service: Service) -> Iterator[Finding]:
        for name, spot in service.secret_environment.items():
            if name in service.environment:
                message = f"'{name}' is a secret variable of '{service.name}', and stands here in plain text"
                place = f"flask_microservice::secret_environment ({service.name})"
                yield _at(service.environment[name], "plain-secret", message,
                          f"drop it here; it belongs, encrypted, into {place}", related=[spot])  # fmt: skip
            if self.has_secrets and (service.name, name) not in self.variables:
                near = did_you_mean(name, [other for where, other in self.variables if where == service.name])
                message = f"the secret variable '{name}' of '{service.name}' has no value in the {self.where}"
                mend = near or "add it, encrypted, to flask_microservice::secret_environment"
                yield _at(spot, "no-secret", message, mend)
        for name, spot in service.environment.items():
            if name not in service.secret_environment and (reason := eyaml.looks_secret(name.lower(), spot.node)):
                message = f"{reason} in plain text, in the environment of '{service.name}'"
                instead = f"declare it under 'secret_environment' ([{name}]), and encrypt its value"
                yield _at(spot, "plain-secret", message, instead)

    def _database(self, service: Service) -> Iterator[Finding]:
        if not service.text("database"):
            return
        spot = service.fields["database"]
        if not self.has_database:
            message = f"service '{service.name}' wants a database, and none is declared in the {self.where}"
            yield _at(spot, "no-database", message, "say in flask_microservice::database where it is")
        if ("database", "url") in service.config:
            message = f"'{service.name}' wants a database, of which the url follows, and has a url as well"
            yield _at(service.config["database", "url"], "database-twice", message, "drop one of them", related=[spot])
        if self.has_secrets and (service.name, "database", "password") not in self.secrets:
            message = f"the database of '{service.name}' has no password in the {self.where}"
            yield _at(
                spot, "no-secret", message, "add it, encrypted, to flask_microservice::secrets (database: password)"
            )

    def _data(self, service: Service) -> Iterator[Finding]:
        """A service that runs on all nodes has always had its data on each; who names nodes thinks of where data is."""
        machines = self.of_tier.of(service.name)
        if not service.nodes or not service.keeps_data_in_file or service.text("data") or len(machines) < 2:
            return
        where = f"{len(machines)} machines of the {self.where}"
        message = f"service '{service.name}' keeps its data in a file, and runs on {where}"
        mend = "say 'data: per_node' if each is to have its own, or 'database: postgresql'"
        yield _at(service.nodes[0], "data-per-node", message, mend, related=[service.home])

    def _trial_units(self) -> Iterator[Finding]:
        """A service may have the units in which releases of another one are tried: NAME-check@RELEASE.service."""
        for base in sorted({service.name.removesuffix("-check") for service in self.present(self.touched)}):
            if {base, f"{base}-check"} <= self.running.keys() and self.placed.meet([base, f"{base}-check"]):
                spot, related = self.running[f"{base}-check"].home, [self.running[base].home]
                message = f"service '{base}-check' has the units in which releases of '{base}' are tried"
                yield _at(spot, "system-name", message, "choose another name for it", related=related)

    def _shared(self, part: str, code: str) -> Iterator[Finding]:
        for value, sharing in self._sharing(part).items():
            spots = [(service.fields[part], service.name) for service in sharing]
            ordered = sorted(spots, key=lambda each: (each[0].file in self.specific, each))
            for number, (spot, name) in enumerate(ordered):
                beside = [each for each in ordered[:number] if self.placed.meet([each[1], name])]
                if not beside:
                    continue
                first, first_name = beside[0]
                message = f"services '{first_name}' and '{name}' share {part} {value} ({first.file}:{first.line})"
                free = f"{self._free_port()} is free" if part == "port" else "give it its own"
                yield _at(spot, code, message, free, related=[first])

    def _sharing(self, part: str) -> dict[str, list[Service]]:
        """The values of a part that a touched service has and another one too, each with these services."""
        values = {shared(service, part) for service in self.present(self.touched)} - {""}
        result = {}
        for value in sorted(values):
            names = self.together.get((part, value), set()) | (self.touched if self.specific else set())
            sharing = [service for service in self.present(names) if shared(service, part) == value]
            if len(sharing) > 1:
                result[value] = sharing
        return result

    def _packages(self) -> Iterator[Finding]:
        for package, sharing in self._sharing("package").items():
            beside = [
                one for one in sharing if any(self.placed.meet([one.name, two.name]) for two in sharing if one != two)
            ]
            spots = {service.name: spot for service in beside if (spot := version_of(service, self.pins))}
            if len({str(spot.node.value) for spot in spots.values()}) > 1:
                names = " and ".join(sorted(spots))
                last = max(spots.values(), key=lambda spot: (spot.file in self.specific, spot))
                message = f"services {names} run from the package '{package}' at different versions"
                yield _at(last, "package-versions", message, f"pin '{package}' once", related=list(spots.values()))

    def _cycles(self) -> Iterator[Finding]:
        done: set[str] = set()
        for start in self.present(self.rewired):
            for cycle in self._cycles_from(start.name, done):
                if not self.placed.meet(cycle):
                    continue  # on no machine do all of them run
                spot = next(spot for spot in self.running[cycle[0]].upstreams if spot.node.value == cycle[1])
                message = "services wait for each other: " + " → ".join([*cycle, cycle[0]])
                related = [self.running[name].home for name in cycle]
                yield _at(spot, "upstream-cycle", message, "drop one of these upstreams", related=related)

    def _cycles_from(self, start: str, done: set[str]) -> Iterator[list[str]]:
        """The cycles of several services that are reached from one, but through those that are done."""
        path: list[str] = []
        waiting: list[tuple[str, bool]] = [(start, False)]
        while waiting:
            name, leaving = waiting.pop()
            if leaving:
                path.pop()
                done.add(name)
            elif name in path:
                cycle = path[path.index(name) :]
                turn = cycle.index(min(cycle))
                if len(cycle) > 1:
                    yield cycle[turn:] + cycle[:turn]
            elif name in self.running and name not in done:
                path.append(name)
                waiting.append((name, True))
                waiting += [(str(spot.node.value), False) for spot in self.running[name].upstreams]


def _at(spot: Spot, code: str, message: str, suggestion: str = "", related: list[Spot] | None = None) -> Finding:
    files = frozenset(each.file for each in related or ())
    return Finding(spot.file, spot.line, spot.column, code, message, suggestion, files)
