"""Hiera as a whole: each file against the code, then all of them against each other and the machines."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from fleet_cli.machine import cache
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import layers, machines, merging, yaml_reader
from fleet_cli.repository.documents import Document
from fleet_cli.repository.finding import Finding, nearest
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.layers import Layers
from fleet_cli.repository.merging import Conversions
from fleet_cli.validation import file_check, json_schema, machine_services, named_classes
from fleet_cli.validation.checked import Checked
from fleet_cli.validation.checks import (
    balancers,
    config,
    databases,
    hiera_yaml,
    interpolation,
    keys,
    lookup_options,
    nodes,
    placement,
    ports,
    references,
    rollouts,
    secrets,
    service_names,
    shadowing,
    system_names,
    tier_secrets,
    unread_files,
    upstreams,
    versions,
)
from fleet_cli.validation.files import Files
from fleet_cli.validation.module_data import ModuleData
from fleet_cli.validation.package_index import Repository
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.running import Running

_OF_SERVICES: Sequence[Callable[[Running], Iterator[Finding]]] = (
    ports.findings, versions.findings, upstreams.findings, secrets.findings, databases.findings,
    system_names.findings, service_names.findings_of_declarations,
)  # fmt: skip
"""The checks of services that read the same."""
_OF_ENTERPRISE = re.compile(r"puppet_enterprise|pe_\w+")
"""Modules that Puppet Enterprise brings to its server."""
_OF_RUBY = "the tag !ruby/"
_NEAR = 0.9
"""How much like a module's name another one is that was meant to be it, from 0 to 1."""


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


@dataclass(frozen=True)
class HieraFiles:
    """Which files are Hiera's.

    Attributes:
        layers: hiera.yaml; None where the repository has none.
        names: the files of its data directories.
        modules: the data of the repository's own modules.
    """

    layers: Layers | None
    names: Sequence[str]
    modules: Sequence[ModuleData]

    @property
    def own_data(self) -> list[str]:
        """The files of modules."""
        return [name for module in self.modules for name in module.names]

    @property
    def read(self) -> list[str]:
        """All files that are read."""
        configs = [module.hiera for module in self.modules]
        return [*self.names, *self.own_data, *configs, *machines.FILES, layers.NAME]


@dataclass
class HieraCheck:
    """What goes into it.

    Attributes:
        files: what was read.
        hiera: which files are Hiera's.
        missing: the names of modules of which nothing is known.
        packages: where packages come from.
        notes: gets what could not be checked, and why.
        exists: whether a directory is there, or is put there by somebody else.
        others: gives the paths of other configurations of Hiera that the repository has.
        certnames: the machines of which what they have of their own is checked; all, if not given.
        knows_modules: whether the names of all modules are known.
    """

    files: Files
    hiera: HieraFiles
    missing: set[str]
    packages: "Packages"
    notes: list[str]
    exists: Callable[[str], bool] = lambda _: True
    others: Callable[[], Iterable[Path]] = tuple
    certnames: set[str] | None = None
    knows_modules: bool = True
    _running: list[Running] | None = None

    @cached_property
    def layers(self) -> Layers:
        """hiera.yaml, empty if there is none."""
        return self.hiera.layers or Layers([], [], [])

    @cached_property
    def _others(self) -> list[Layers]:
        """The layers of other configurations of Hiera: what they read is read, although by no machine of the fleet."""
        return [layers.of(yaml_reader.read(path, path.name)) for path in self.others()]

    @property
    def has_machines(self) -> bool:
        """Whether the repository says which machines there are, in a list that can be read."""
        found = [document for name in machines.FILES if (document := self.files.get(name))]
        return bool(found) and not found[0].findings

    def data(self) -> FleetData:
        """The files with their layers and machines."""
        documents = {name: document for name in self.hiera.names if (document := self.files.get(name))}
        return FleetData(self.layers, documents, list(self._machines()))

    def findings(self, data: FleetData, code: PuppetCode, complete: bool) -> list[Finding]:
        """Return what is wrong.

        Args:
            data: what data() gave.
            code: what the Puppet code says.
            complete: whether that is all of it.
        """
        self._note(data, code)
        code.named_by_hiera = named_classes.Named(data.documents.values(), code.classes)
        found = list(self._without_packages(data, code, complete))
        return found if data.broken else [*found, *self._config(data, code, found)]

    def _note(self, data: FleetData, code: PuppetCode) -> None:
        """Say what can't be checked, a line for each kind."""
        if self.hiera.layers is None:
            self.notes.append(
                f"there is no {layers.NAME}: what the server's own Hiera says is not known, and which files it reads"
            )
        opaque = [f"'{name}'" for name in self.layers.opaque]
        if opaque:
            what = f"layer {opaque[0]}" if len(opaque) == 1 else f"layers {', '.join(opaque)}"
            says = "it says" if len(opaque) == 1 else "they say"
            self.notes.append(f"{what} of {layers.NAME} can't be read here: what {says} is not checked")
        if absent := self._kept_elsewhere(data):
            self.notes.append(
                f"{layers.NAME} reads what is not here ({', '.join(absent)}): what it says is not checked"
            )
        if not self.has_machines:
            self.notes.append("no nodes.yaml says which machines there are: what is about machines is not checked")
        if data.broken:
            self.notes.append(f"{data.broken[0]} can't be read, so the files are not checked against each other")
        unknown = set(self._unknown_modules(data, code))
        if enterprise := {name for name in unknown if _OF_ENTERPRISE.fullmatch(name)}:
            what = ", ".join(sorted(enterprise))
            self.notes.append(f"{what}: modules of Puppet Enterprise's server, of whose keys nothing is known here")
        self.missing |= enterprise if self.knows_modules else unknown

    def _unknown_modules(self, data: FleetData, code: PuppetCode) -> Iterator[str]:
        """The modules of keys that are not here, but for those whose name is all but that of one that is."""
        keys = set().union(*(document.top for document in data.documents.values()))
        names = {key.partition("::")[0] for key in keys if "::" in key}
        for name in names - code.module_names - self.missing:
            if not nearest(name, code.module_names, _NEAR):
                yield name

    def _without_packages(self, data: FleetData, code: PuppetCode, complete: bool) -> Iterator[Finding]:
        config = self.files.get(layers.NAME)
        is_current = config is None or config.broken or hiera_yaml.is_current(config)
        if is_current:
            yield from self.layers.findings
        yield from self._hiera_yaml()
        own, merges = self._own(data)
        conversions = merging.conversions([*self._read(data), *own.values()])
        digest = cache.digest(code.digest, repr(merges), repr(conversions), repr(sorted(own)))
        check = partial(file_check.check, code=code, merges=merges, conversions=conversions, of_modules=own.keys())
        checked = self.files.check([*data.documents, *own], digest, check)
        for name, each in checked.items():
            if self.hiera.layers is None and any(_OF_RUBY in finding.message for finding in each.findings):
                self.notes.append(f"{name} has tags of Ruby: it is for a reader of its own, and not checked")
            else:
                yield from each.findings
        for name in machines.FILES:
            if document := self.files.get(name):
                yield from document.findings
        if complete:
            yield from nodes.findings(data, code)
            untold = keys.Untold()
            yield from keys.findings(data, checked, code, self.missing, untold)
            self.notes += untold.notes(code)
            yield from keys.findings_of_modules(self.hiera.modules, own, checked, code)
            yield from lookup_options.findings(data, code, self.missing)
        yield from rollouts.findings(data)
        if is_current and self.hiera.layers:
            yield from unread_files.findings(data, code, lambda: self._others)
        for module in self.hiera.modules:
            yield from unread_files.findings_of_module(module)
        if data.broken:
            return  # what one file alone can't tell hangs on what that file says
        yield from references.findings(data, own, code, conversions)
        yield from self._unknown_lookups(data, own, checked)
        yield from shadowing.findings(data, merges)
        all_running = self._services(data, code)
        for here in all_running:
            for check_services in _OF_SERVICES:
                yield from check_services(here)
        yield from service_names.findings(data, checked)
        yield from tier_secrets.findings(data, checked)
        yield from placement.findings(data, all_running)
        yield from balancers.findings(data, code, all_running)

    def _hiera_yaml(self) -> Iterator[Finding]:
        if document := self.files.get(layers.NAME):
            yield from hiera_yaml.findings(layers.NAME, document, self.exists)
        for module in self.hiera.modules:
            yield from module.config.findings
            directory = module.module

            def exists(datadir: str, directory: str = directory) -> bool:
                return self.exists(f"{directory}/{datadir}")

            yield from hiera_yaml.findings(module.hiera, module.config, exists)

    def _unknown_lookups(
        self, data: FleetData, own: dict[str, Document], checked: Mapping[str, Checked]
    ) -> Iterator[Finding]:
        """Values that interpolate a key that nothing has; where some layer is kept elsewhere, it may be there."""
        module_keys = {key for document in own.values() for key in document.top}
        found = list(interpolation.unknown(data, checked, module_keys, self.missing))
        if elsewhere := self._elsewhere(data):
            if found:
                where = ", ".join(elsewhere)
                count = "a key that values interpolate is" if len(found) == 1 else f"{len(found)} interpolated keys are"
                self.notes.append(f"{count} in no file here; {where} may have it: {found[0].finding()}")
            return
        yield from (each.finding() for each in found)

    def _elsewhere(self, data: FleetData) -> list[str]:
        """What may have keys, and can't be read here."""
        if self.hiera.layers is None:
            return ["the server's own Hiera"]
        return [*self.layers.opaque, *self._kept_elsewhere(data)]

    def _kept_elsewhere(self, data: FleetData) -> list[str]:
        """What layers read and is put in place by somebody else: directories, and files that all machines read."""
        absent = [name for name in self.layers.datadirs if not self.files.is_directory(name)]
        found = [name for name in absent if self.exists(name)]
        for location in self.layers.locations:
            part = location.part
            if location.variables or location.glob or part in data.documents or self.files.is_directory(part):
                continue
            if not part.startswith(("/", "../", *(f"{name}/" for name in absent))):
                found.append(part)
        return list(dict.fromkeys(found))

    def _services(self, data: FleetData, code: PuppetCode) -> list[Running]:
        if self._running is None:
            self._running = list(machine_services.running(data, code, self.certnames))
        return self._running

    def _config(self, data: FleetData, code: PuppetCode, found: list[Finding]) -> list[Finding]:
        """What the packages say of the config of services; a note, if they can't be had and need not be."""
        source = self.packages.repository or config.repository(data, self.files.repo)
        if source is None and "flask_microservice" not in code.module_names and not self.packages.required:
            return []  # a repository without services
        try:
            if source is None:
                raise FleetError("Hiera names no apt repository (profile::fleet_repository::url, suite, component)")
            own, _ = self._own(data)
            documents = {} if self._elsewhere(data) else {**data.documents, **own}
            check = config.Check(source, documents, self.notes, retry_now=self.packages.retry_now)
            return list(check.findings(self._services(data, code), found))
        except FleetError as error:
            if self.packages.required:
                raise
            self.notes.append(f"config is not checked against the pinned versions: {error}")
            return []

    def schema(self, data: FleetData, code: PuppetCode) -> json_schema.Schema:
        """Return the JSON Schema of a file of Hiera."""
        own, merges = self._own(data)
        check = partial(file_check.check, code=code, merges=merges, conversions=Conversions({}, ()))
        checked = [check(name, document) for name, document in {**data.documents, **own}.items()]
        return json_schema.whole(code, merges, code.lookups | {key.key for each in checked for key in each.lookups})

    def _own(self, data: FleetData) -> tuple[dict[str, Document], merging.Merges]:
        """The data of modules, and how keys are merged."""
        own = {name: document for name in self.hiera.own_data if (document := self.files.get(name))}
        return own, merging.collect([*self._read(data), *own.values()])

    def _read(self, data: FleetData) -> list[Document]:
        """The files that a layer reads; without a hiera.yaml it may be any."""
        return [data.documents[name] for name in (data.places if self.hiera.layers else data.documents)]

    def _machines(self) -> Iterator[Machine]:
        if not self.has_machines:
            return
        listed = self.files.get(machines.FILES[0])
        if listed is not None:
            yield from machines.listed(listed)
        elif (lab := self.files.get(machines.LAB)) is not None:
            yield from machines.boxes(lab)
