"""The services at the versions that are pinned, with the config that Hiera gives them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fleet_cli.repository.documents import Document
from fleet_cli.repository.services import Service, Spot, version_of
from fleet_cli.validation import settings_schema
from fleet_cli.validation.checks import references
from fleet_cli.validation.package_settings import ADDRESSES
from fleet_cli.validation.running import Running
from fleet_cli.validation.settings_schema import Value

Where = dict[str, None]
"""Machines in words, such as "tier staging", each once."""


class Given(NamedTuple):
    """A value that Hiera gives.

    Attributes:
        value: what it is.
        file, line, column: where it is written.
        written: how, if YAML makes something else of that.
        taken_by: the file and line that take it from there by a lookup; an empty name if it stands in the config.
    """

    value: Value
    file: str
    line: int
    column: int
    written: str
    taken_by: tuple[str, int]


@dataclass
class Pinned:
    """A service at a version, and where it runs so.

    Attributes:
        service: its declaration, as it is first found.
        version: where the version is said.
        where: the machines.
        values: the values of its settings, and the machines that get them; without secrets, and without what is not
            known here.
    """

    service: Service
    version: Spot
    where: Where = field(default_factory=dict)
    values: dict[Given, Where] = field(default_factory=dict)

    @property
    def places(self) -> set[tuple[str, int]]:
        """The files and lines that say something of it."""
        its = self.service
        parts = (its.fields.values(), its.upstreams, its.config.values(), its.secrets.values(), its.declared)
        return {(spot.file, spot.line) for spots in (*parts, [self.version]) for spot in spots}

    @property
    def deb(self) -> tuple[str, str]:
        """Its package and version."""
        return self.service.package, str(self.version.node.value)

    @property
    def from_template(self) -> bool:
        """Whether it was made from the template: of another application nobody knows the settings."""
        return "application" not in self.service.fields

    def add(self, service: Service, where: str, documents: Mapping[str, Document]) -> None:
        """Note machines that run it, with the values that they get.

        Args:
            service: as they have it.
            where: the machines.
            documents: the files that have the keys to which a value may refer.
        """
        self.where[where] = None
        addresses = {str(spot.node.value) for spot in service.upstreams}
        for (section, key), spot in service.config.items():
            file, _, _, node = references.origin(documents, spot)
            text = settings_schema.text_of(node)
            is_overruled = (section, key) in service.secrets or (section == ADDRESSES and key in addresses)
            if text is not None and not is_overruled:
                written = node.raw if node.raw != text else ""
                taken_by = ("", 0) if node is spot.node else spot[:2]
                given = Given(Value(section, key, text), file, node.line, node.column, written, taken_by)
                self.values.setdefault(given, {})[where] = None


def pinned(all_running: Iterable[Running], documents: Mapping[str, Document]) -> Iterator[Pinned]:
    """Each service at each version that is pinned, once for all machines that give it the same settings.

    Args:
        all_running: the services of machines.
        documents: the files that have the keys to which a value may refer.
    """
    result: dict[tuple[object, ...], Pinned] = {}
    for running in all_running:
        for service in running.to_look_at:
            version = version_of(service, running.pins)
            if version is None or not isinstance(version.node.value, str):
                continue
            asked = (*service.config, *service.secrets, *(str(spot.node.value) for spot in service.upstreams))
            same = (service.name, version.node.value, asked)
            result.setdefault(same, Pinned(service, version)).add(service, running.where, documents)
    yield from result.values()
