"""Upstreams: each is there to be asked, and no services wait for each other."""

from collections.abc import Iterator

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.placed import GATEWAYS
from fleet_cli.repository.services import Service
from fleet_cli.validation.running import Running, at


def findings(here: Running) -> Iterator[Finding]:
    """Upstreams that a service can't ask, has twice, or that ask it themselves."""
    for service in here.to_look_at:
        yield from _upstreams(here, service)
    yield from _cycles(here)


def _upstreams(here: Running, service: Service) -> Iterator[Finding]:
    for spot in service.upstreams:
        name = str(spot.node.value)
        if name == service.name:
            yield at(spot, "upstream-cycle", f"service '{name}' is its own upstream", "drop it")
        elif name in here.external:
            continue
        elif here.runs(name) and "socket" in here.services[name].fields:
            message = f"the upstream '{name}' of '{service.name}' has a socket, and no port to be asked on"
            yield at(spot, "unreachable-upstream", message, "give it a port", related=[here.services[name].home])
        elif here.runs(name) and here.of_tier.nowhere(name):
            message = f"the upstream '{name}' of '{service.name}' runs on no machine of the {here.where}"
            yield at(spot, "unreachable-upstream", message, "mend its 'nodes'", related=[here.services[name].home])
        elif here.runs(name) and (far := _far(here, service, name)) and not _reached(here, name):
            address = here.services[name].text("address")
            message = f"the upstream '{name}' of '{service.name}' {far}, and listens at {address} alone"
            yield at(spot, "unreachable-upstream", message, "mend its 'address'",
                      related=[here.services[name].home])  # fmt: skip
        elif here.runs(name) and far and not any(gateway.balances(name) for gateway in here.gateways):
            message = f"the upstream '{name}' of '{service.name}' {far}, and no balancer is in front of it"
            yield at(spot, "unreachable-upstream", message, f"declare one in {GATEWAYS}",
                      related=[here.services[name].home])  # fmt: skip
        elif name in here.services and name not in here.running and not here.runs(name):
            message = f"the upstream '{name}' of '{service.name}' is absent in the {here.where}"
            yield at(spot, "unreachable-upstream", message, "drop it", related=[here.services[name].home])
        elif name not in here.services and name in here.everywhere:
            message = f"the upstream '{name}' of '{service.name}' is not declared in the {here.where}"
            yield at(spot, "unreachable-upstream", message, f"declare '{name}' there, too")
        if ("upstreams", name) in service.config:
            message = f"the address of '{name}' is in 'config' and follows from 'upstreams' as well"
            yield at(service.config["upstreams", name], "upstream-twice", message, "drop it here", related=[spot])


def _far(here: Running, service: Service, upstream: str) -> str:
    """Why a service can't ask an upstream on its own machine; empty if it can, wherever it runs."""
    if service.text("through"):
        return "is asked through the balancer"
    away = here.placed.of(service.name) - here.placed.of(upstream)
    return f"does not run on {min(away)}" if away else ""


def _reached(here: Running, name: str) -> bool:
    """Whether other machines reach a service; where its port is missing, that is the mistake."""
    service = here.services[name]
    return service.reached_from_elsewhere or "port" not in service.fields


def _cycles(here: Running) -> Iterator[Finding]:
    done: set[str] = set()
    for start in here.present(here.rewired):
        for cycle in _cycles_from(here, start.name, done):
            if not here.placed.meet(cycle):
                continue  # on no machine do all of them run
            spot = next(spot for spot in here.running[cycle[0]].upstreams if spot.node.value == cycle[1])
            message = "services wait for each other: " + " → ".join([*cycle, cycle[0]])
            related = [here.running[name].home for name in cycle]
            yield at(spot, "upstream-cycle", message, "drop one of these upstreams", related=related)


def _cycles_from(here: Running, start: str, done: set[str]) -> Iterator[list[str]]:
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
        elif name in here.running and name not in done:
            path.append(name)
            waiting.append((name, True))
            waiting += [(str(spot.node.value), False) for spot in here.running[name].upstreams]
