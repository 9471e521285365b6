"""The services, as Hiera merges their declarations for a machine, with the place of each part."""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fleet_cli.repository.documents import Document, Node, Pair, items, mapping

SERVICES = "flask_microservice::services"
VERSIONS = "flask_microservice::versions"
SECRETS = "flask_microservice::secrets"
SECRET_ENVIRONMENT = "flask_microservice::secret_environment"  # noqa: S105 - a key of Hiera
DATABASE = "flask_microservice::database"
CLASS = "flask_microservice"
"""The class that runs the services of a machine."""


class Spot(NamedTuple):
    """A value, the place of its key, and the file that they are in."""

    file: str
    line: int
    column: int
    node: Node


@dataclass
class Service:
    """A service of a machine.

    Attributes:
        name: its name.
        fields: the parts of its declaration that one layer gives alone, each from the highest that has it.
        upstreams, nodes: from all layers.
        config: by section and key.
        secrets: the names of the secret keys, by section and key.
        environment, secret_environment: its variables, and the names of the secret ones.
        declared: all places where its name stands, the lowest layer first: that is where it is at home.
    """

    name: str
    fields: dict[str, Spot] = field(default_factory=dict)
    upstreams: list[Spot] = field(default_factory=list)
    nodes: list[Spot] = field(default_factory=list)
    config: dict[tuple[str, str], Spot] = field(default_factory=dict)
    secrets: dict[tuple[str, str], Spot] = field(default_factory=dict)
    environment: dict[str, Spot] = field(default_factory=dict)
    secret_environment: dict[str, Spot] = field(default_factory=dict)
    declared: list[Spot] = field(default_factory=list)

    @property
    def present(self) -> bool:
        """Whether it is to run."""
        return self.text("ensure") != "absent"

    @property
    def listens(self) -> bool:
        """Whether it is declared where to reach it; if not, files only add to a declaration that is nowhere."""
        return bool({"port", "socket"} & self.fields.keys())

    @property
    def package(self) -> str:
        """The Debian package that it runs from."""
        return self.text("package") or self.name

    @property
    def keeps_data_in_file(self) -> bool:
        """Whether its database is a file of its node; of an application that is not from the template nobody knows."""
        url = self.config.get(("database", "url"))
        elsewhere = url is not None and not str(url.node.value).startswith("sqlite:")
        return not (
            self.text("database") or self.text("application") or ("database", "url") in self.secrets or elsewhere
        )

    @property
    def reached_from_elsewhere(self) -> bool:
        """Whether other machines can reach it; as flask_microservice::reached_from_elsewhere has it."""
        address = self.text("address")
        return "port" in self.fields and address != "::1" and not address.startswith("127.")

    @property
    def home(self) -> Spot:
        """Where it is declared: where its port is, else in the lowest layer that names it."""
        for spot in self.declared:
            if {"port", "socket"} & mapping(spot.node).keys():
                return spot
        return self.declared[0]

    def text(self, part: str) -> str:
        """A part of its declaration as text; empty if it is not there."""
        spot = self.fields.get(part)
        return str(spot.node.value) if spot and spot.node.value is not None else ""


class Said(NamedTuple):
    """What a file says of an entry of a key of Hiera, such as a service. The highest sort first.

    Attributes:
        source: the layer and the file in it; one for all files that Hiera takes for one.
        order: the place of the file among those of its source.
        file: its path.
        pair: the entry.
    """

    source: tuple[int, str]
    order: str
    file: str
    pair: Pair


Entries = MutableMapping[str, list[Said]]
"""By the name of an entry what counts of it, highest first."""


def merged(name: str, said: Iterable[Said]) -> Service:
    """Merge what files say of a service, given the highest first."""
    service = Service(name)
    for one in said:
        _add(service, one.file, one.pair)
    return service


def over(higher: Service, lower: Service) -> Service:
    """Merge a service with what lower layers say of it."""
    return Service(
        higher.name, {**lower.fields, **higher.fields}, [*higher.upstreams, *lower.upstreams],
        [*higher.nodes, *lower.nodes],
        {**lower.config, **higher.config}, {**lower.secrets, **higher.secrets},
        {**lower.environment, **higher.environment}, {**lower.secret_environment, **higher.secret_environment},
        [*lower.declared, *higher.declared],
    )  # fmt: skip


def entries(document: Document, key: str) -> Iterator[tuple[str, Pair]]:
    """The entries of a key of Hiera that is a hash."""
    if pair := document.top.get(key):
        yield from mapping(pair.node).items()


def _add(service: Service, file: str, declaration: Pair) -> None:
    service.declared.insert(0, Spot(file, declaration.line, declaration.column, declaration.node))
    for part, pair in mapping(declaration.node).items():
        match part:
            case "upstreams":
                service.upstreams += _listed(file, pair)
            case "nodes":
                service.nodes += _listed(file, pair)
            case "config":
                for section, keys in mapping(pair.node).items():
                    for key, spot in _named(file, keys).items():
                        service.config.setdefault((section, key), spot)
            case "secrets":
                for section, keys in mapping(pair.node).items():
                    for spot in _listed(file, keys):
                        service.secrets.setdefault((section, str(spot.node.value)), spot)
            case "environment":
                service.environment = {**_named(file, pair), **service.environment}
            case "secret_environment":
                named = {str(spot.node.value): spot for spot in _listed(file, pair)}
                service.secret_environment = {**named, **service.secret_environment}
            case _:
                service.fields.setdefault(part, Spot(file, pair.line, pair.column, pair.node))


def _named(file: str, pair: Pair) -> dict[str, Spot]:
    """The values of a hash by their keys, each with the place of its key."""
    return {key: Spot(file, value.line, value.column, value.node) for key, value in mapping(pair.node).items()}


def _listed(file: str, pair: Pair) -> list[Spot]:
    """The elements of a list."""
    return [Spot(file, item.line, item.column, item) for item in items(pair.node)]


def pin(_name: str, said: Sequence[Said]) -> Spot:
    """A pin of a service or package, as the highest file has it."""
    return Spot(said[0].file, said[0].pair.line, said[0].pair.column, said[0].pair.node)


def version_of(service: Service, pins: Mapping[str, Spot]) -> Spot | None:
    """Where the version of a service is said; as flask_microservice::version_of has it."""
    return pins.get(service.name) or pins.get(service.package) or service.fields.get("version")


def secret_values(_name: str, said: Iterable[Said]) -> dict[tuple[str, str], Spot]:
    """The secrets of a service that have a value, by section and key."""
    result: dict[tuple[str, str], Spot] = {}
    for one in said:
        for section, keys in mapping(one.pair.node).items():
            for key, spot in _named(one.file, keys).items():
                if spot.node.value not in (None, ""):
                    result.setdefault((section, key), spot)
    return result


def secret_variables(_name: str, said: Iterable[Said]) -> dict[str, Spot]:
    """The secret environment variables of a service that have a value, by name."""
    result: dict[str, Spot] = {}
    for one in said:
        for name, spot in _named(one.file, one.pair).items():
            if spot.node.value:
                result.setdefault(name, spot)
    return result
