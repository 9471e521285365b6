"""Hiera as a whole: each file against the code, then all of them against each other and the machines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from fleet_cli.machine import cache
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import machines, merging
from fleet_cli.repository.documents import Document
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import Layers
from fleet_cli.validation import file_check, json_schema, machine_services
from fleet_cli.validation.checks import (
    balancers,
    config,
    databases,
    interpolation,
    keys,
    lookup_options,
    nodes,
    placement,
    ports,
    secrets,
    service_names,
    shadowing,
    system_names,
    unread_files,
    upstreams,
    versions,
)
from fleet_cli.validation.files import Files
from fleet_cli.validation.package_index import Repository
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.running import Running

_OF_SERVICES: Sequence[Callable[[Running], Iterator[Finding]]] = (
    ports.findings, versions.findings, upstreams.findings, secrets.findings, databases.findings,
    system_names.findings, service_names.findings_of_declarations,
)  # fmt: skip
"""The checks of services that read the same."""


@dataclass(frozen=True)
class Packages:
    """Where the packages of services come from.

    Attributes:
        repository: if not that which Hiera names.
        required: whether it is a failure that they can't be had.
    """

    repository: Repository | None = None
    required: bool = False

    @property
    def retry_now(self) -> bool:
        """Whether to ask a repository that did not answer a moment ago."""
        return self.required or self.repository is not None


@dataclass
class HieraCheck:
    """What goes into it.

    Attributes:
        files: what was read.
        layers: hiera.yaml.
        names: the files of Hiera.
        own_data: those that modules of the repository bring.
        missing: the names of modules of which nothing is known.
        packages: where packages come from.
        notes: gets what could not be checked, and why.
        certnames: the machines of which what they have of their own is checked; all, if not given.
    """

    files: Files
    layers: Layers
    names: Sequence[str]
    own_data: Sequence[str]
    missing: set[str]
    packages: "Packages"
    notes: list[str]
    certnames: set[str] | None = None
    _running: list[Running] | None = None

    @property
    def has_machines(self) -> bool:
        """Whether the repository says which machines there are, in a list that can be read."""
        found = [document for name in machines.FILES if (document := self.files.get(name))]
        return bool(found) and not found[0].findings

    def data(self) -> FleetData:
        """The files with their layers and machines."""
        documents = {name: document for name in self.names if (document := self.files.get(name))}
        return FleetData(self.layers, documents, list(self._machines()))

    def findings(self, data: FleetData, code: PuppetCode, complete: bool) -> list[Finding]:
        """Return what is wrong.

        Args:
            data: what data() gave.
            code: what the Puppet code says.
            complete: whether that is all of it.
        """
        found = list(self._without_packages(data, code, complete))
        return found if data.broken else [*found, *self._config(data, code, found)]

    def _without_packages(self, data: FleetData, code: PuppetCode, complete: bool) -> Iterator[Finding]:
        own, merges = self._own(data)
        digest = cache.digest(code.digest, repr(merges))
        check = partial(file_check.check, code=code, merges=merges)
        checked = self.files.check([*data.documents, *own], digest, check)
        for each in checked.values():
            yield from each.findings
        for name in machines.FILES:
            if document := self.files.get(name):
                yield from document.findings
        if complete:
            yield from nodes.findings(data, code)
            yield from keys.findings(data, checked, code, self.missing)
            yield from lookup_options.findings(data, code, self.missing)
        yield from unread_files.findings(data, code)
        if data.broken:
            return  # what one file alone can't tell hangs on what that file says
        module_keys = {key for document in own.values() for key in document.top}
        yield from interpolation.findings(data, checked, module_keys)
        yield from shadowing.findings(data, merges)
        all_running = self._services(data, code)
        for here in all_running:
            for check_services in _OF_SERVICES:
                yield from check_services(here)
        yield from service_names.findings(data, checked)
        yield from placement.findings(data, all_running)
        yield from balancers.findings(data, code, all_running)

    def _services(self, data: FleetData, code: PuppetCode) -> list[Running]:
        if self._running is None:
            self._running = list(machine_services.running(data, code, self.certnames))
        return self._running

    def _config(self, data: FleetData, code: PuppetCode, found: list[Finding]) -> list[Finding]:
        """What the packages say of the config of services; a note, if they can't be had and need not be."""
        source = self.packages.repository or config.repository(data, self.files.repo)
        try:
            if source is None:
                raise FleetError("Hiera names no apt repository (profile::fleet_repository::url, suite, component)")
            return list(config.findings(self._services(data, code), found, source, retry_now=self.packages.retry_now))
        except FleetError as error:
            if self.packages.required:
                raise
            self.notes.append(f"config is not checked against the pinned versions: {error}")
            return []

    def schema(self, data: FleetData, code: PuppetCode) -> json_schema.Schema:
        """Return the JSON Schema of a file of Hiera."""
        own, merges = self._own(data)
        check = partial(file_check.check, code=code, merges=merges)
        checked = [check(name, document) for name, document in {**data.documents, **own}.items()]
        return json_schema.whole(code, merges, code.lookups | {key.key for each in checked for key in each.lookups})

    def _own(self, data: FleetData) -> tuple[dict[str, Document], merging.Merges]:
        """The data of modules, and how keys are merged."""
        own = {name: document for name in self.own_data if (document := self.files.get(name))}
        return own, merging.collect([*(data.documents[name] for name in data.places), *own.values()])

    def _machines(self) -> Iterator[Machine]:
        if not self.has_machines:
            return
        listed = self.files.get(machines.FILES[0])
        if listed is not None:
            yield from machines.listed(listed)
        elif (lab := self.files.get(machines.LAB)) is not None:
            yield from machines.boxes(lab)
