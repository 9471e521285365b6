"""Hiera as a whole: each file against the code, then all of them against each other and the machines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from fleet_cli import kept
from fleet_cli.validation import file_check, machines, merging, reach_rules, service_check, shadowing
from fleet_cli.validation.files import Files
from fleet_cli.validation.finding import Finding
from fleet_cli.validation.fleet_data import FleetData
from fleet_cli.validation.layers import Layers, Machine
from fleet_cli.validation.puppet_code import PuppetCode


@dataclass
class HieraCheck:
    """What goes into it.

    Attributes:
        files: what was read.
        layers: hiera.yaml.
        names: the files of Hiera.
        own_data: those that modules of the repository bring.
        missing: the names of modules of which nothing is known.
    """

    files: Files
    layers: Layers
    names: Sequence[str]
    own_data: Sequence[str]
    missing: set[str]

    @property
    def has_machines(self) -> bool:
        """Whether the repository says which machines there are."""
        return any(self.files.get(name) for name in machines.FILES)

    def data(self) -> FleetData:
        """The files with their layers and machines."""
        documents = {name: document for name in self.names if (document := self.files.get(name))}
        return FleetData(self.layers, documents, list(self._machines()))

    def findings(self, data: FleetData, code: PuppetCode, whole: bool) -> Iterator[Finding]:
        """Return what is wrong.

        Args:
            data: what data() gave.
            code: what the Puppet code says.
            whole: whether that is all of it.
        """
        own = {name: document for name in self.own_data if (document := self.files.get(name))}
        merges = merging.collect([*(data.documents[name] for name in data.places), *own.values()])
        digest = kept.digest(code.digest, repr(merges))
        check = partial(file_check.check, code=code, merges=merges)
        checked = self.files.check([*data.documents, *own], digest, check)
        for each in checked.values():
            yield from each.findings
        for name in machines.FILES:
            if document := self.files.get(name):
                yield from document.findings
        if whole:
            yield from reach_rules.machine_findings(data, code)
            yield from reach_rules.key_findings(data, checked, code, self.missing)
            yield from reach_rules.options_findings(data, code, self.missing)
        yield from reach_rules.file_findings(data, code)
        if data.unread:
            return  # what one file alone can't tell hangs on what that file says
        module_keys = {key for document in own.values() for key in document.top}
        yield from reach_rules.lookup_findings(data, checked, module_keys)
        yield from shadowing.findings(data, merges)
        yield from service_check.findings(data, code)
        yield from service_check.name_findings(data, checked)

    def _machines(self) -> Iterator[Machine]:
        listed = self.files.get(machines.FILES[0])
        if listed is not None:
            yield from machines.listed(listed)
        elif (lab := self.files.get(machines.LAB)) is not None:
            yield from machines.boxes(lab)
