"""All that is wrong with a control repository: runs the checks, and leaves out what was not asked about."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_cli.machine.errors import FleetError
from fleet_cli.planning.modules import Source
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository import fleet_data, layers, machines
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.trees import Directory
from fleet_cli.validation import allowed, clean_files, machine_services
from fleet_cli.validation.files import Files
from fleet_cli.validation.hiera_check import HieraCheck, Packages
from fleet_cli.validation.puppet_check import PuppetCheck
from fleet_cli.validation.yaml_style_check import YamlStyleCheck


@dataclass
class Validation:
    """One validation of a repository.

    Attributes:
        repo: the control repository.
        paths: files and directories, below it, of which the findings are told; all, if none is given.
        packages: where the packages of services come from.
        notes: what could not be checked, and why.
        puppet: what reads Puppet code.
        source: where the Puppetfile's modules come from; the mirror of Debian's packages, if not given.
    """

    repo: Path
    paths: Sequence[str] = ()
    packages: Packages = field(default_factory=Packages)
    notes: list[str] = field(default_factory=list)
    puppet: Puppet = sandboxed.PUPPET
    source: Source | None = None

    def findings(self) -> list[Finding]:
        """Return what is wrong, in the order of files and lines.

        Raises:
            FleetError: it can't be validated at all: it is no control repository, Puppet does not run.
        """
        if not (self.repo / layers.NAME).exists():
            raise FleetError(f"{self.repo}: there is no {layers.NAME}: is this a control repository?")
        with Files(self.repo) as files:
            found = {finding for finding in self._all(files) if self._asked_for(finding)}
        return sorted(allowed.without(found, self.repo))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the files of Hiera.

        Raises:
            FleetError: Puppet can't run.
        """
        puppet = PuppetCheck(self.repo, self.puppet, self.source)
        code = puppet.run([])
        hiera = layers.load(self.repo)
        with Files(self.repo) as files:
            names, own_data = self._names(hiera, puppet)
            files.read([*names, *own_data, *machines.FILES])
            check = HieraCheck(files, hiera, names, own_data, set(), self.packages, self.notes)
            return check.schema(check.data(), code)

    def _names(self, hiera: layers.Layers, puppet: PuppetCheck) -> tuple[list[str], list[str]]:
        """The files of Hiera that have to be read, and those of the data of modules."""
        tree = Directory(self.repo)
        names = fleet_data.names(hiera, tree)
        data = [name for module in puppet.module_directories() for name in tree.below(f"{module}/data")]
        own_data = [name for name in data if name.endswith(fleet_data.SUFFIXES)]
        return self._needed(hiera, names), own_data

    def _needed(self, hiera: layers.Layers, names: list[str]) -> list[str]:
        """The files that have to be read: where the paths are of single machines, not those of other ones."""
        if not self.paths or not all(hiera.is_of_one_machine(path) for path in self.paths):
            return names
        return [name for name in names if name in self.paths or not hiera.is_of_one_machine(name)]

    def _all(self, files: Files) -> Iterator[Finding]:
        hiera = layers.load(self.repo)
        yield from hiera.findings
        self.notes += [
            f"layer '{name}' of {layers.NAME} can't be read here: what it says is not checked" for name in hiera.opaque
        ]
        puppet = PuppetCheck(self.repo, self.puppet, self.source)
        names, own_data = self._names(hiera, puppet)
        read = [*names, *own_data, *machines.FILES, layers.NAME]
        asked = self._wanted(clean_files.tracked(self.repo, puppet.puppetfile.moduledir or "modules"))
        with YamlStyleCheck(self.repo, asked, files, set(read)) as style:
            files.read(read)
            style.begin()
            code = puppet.run(asked)
            yield from puppet.findings
            missing = {module.name for module in puppet.vendored.missing}
            check = HieraCheck(files, hiera, names, own_data, missing, self.packages, self.notes)
            self.notes += puppet.notes()
            if not check.has_machines:
                self.notes.append("no nodes.yaml says which machines there are: what is about machines is not checked")
            data = check.data()
            check.certnames = machine_services.affected_machines(data, self.paths)
            if data.broken:
                self.notes.append(f"{data.broken[0]} can't be read, so the files are not checked against each other")
            yield from check.findings(data, code, puppet.complete)
            yield from style.findings()

    def _asked_for(self, finding: Finding) -> bool:
        return not self.paths or bool(self._wanted([finding.file, *finding.related]))

    def _wanted(self, names: Iterable[str]) -> list[str]:
        """Those of the files that are among the paths, or below one."""
        if not self.paths or "." in self.paths:
            return list(names)
        exact, directories = set(self.paths), tuple(f"{path}/" for path in self.paths)
        return [name for name in names if name in exact or name.startswith(directories)]
