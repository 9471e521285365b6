"""Versions of services: each has one in its tier, and one package has one version on a node."""

from collections.abc import Iterator

from fleet_cli.repository.finding import Finding, nearest
from fleet_cli.repository.services import Service, version_of
from fleet_cli.validation.running import Running, at


def findings(here: Running) -> Iterator[Finding]:
    """Services without a version, and such as run from one package at different versions."""
    for service in here.to_look_at:
        yield from _version(here, service)
    yield from _packages(here)


def _version(here: Running, service: Service) -> Iterator[Finding]:
    if service.listens and not version_of(service, here.pins):
        message = f"service '{service.name}' has no version in the {here.where}"
        pin = f"pin it in {here.pin_file}: {service.name}: 'VERSION'"
        near = nearest(service.name, here.pins.keys() - here.services.keys())
        spot = service.home
        yield Finding(spot.file, spot.line, spot.column, "no-version", message,
                      f"{pin} ('{near}' has one there)" if near else pin, frozenset({here.pin_file}))  # fmt: skip


def _packages(here: Running) -> Iterator[Finding]:
    for package, sharing in here.sharing("package").items():
        beside = [
            one for one in sharing if any(here.placed.meet([one.name, two.name]) for two in sharing if one != two)
        ]
        spots = {service.name: spot for service in beside if (spot := version_of(service, here.pins))}
        if len({str(spot.node.value) for spot in spots.values()}) > 1:
            names = " and ".join(sorted(spots))
            last = max(spots.values(), key=lambda spot: (spot.file in here.specific, spot))
            message = f"services {names} run from the package '{package}' at different versions"
            yield at(last, "package-versions", message, f"pin '{package}' once", related=list(spots.values()))
