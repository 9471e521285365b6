"""All that is wrong with a control repository: runs the checks, and leaves out what was not asked about."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_cli.machine.errors import FleetError
from fleet_cli.planning.modules import Source
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository import fleet_data, layers
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.trees import Directory
from fleet_cli.validation import allowed, machine_services, module_data
from fleet_cli.validation.files import Files
from fleet_cli.validation.hiera_check import HieraCheck, HieraFiles, Packages
from fleet_cli.validation.puppet_check import PuppetCheck
from fleet_cli.validation.yaml_style_check import YamlStyleCheck

_SIGNS = (layers.NAME, "environment.conf", "Puppetfile", "manifests", "modules")
"""One of these is in every control repository."""
_DATA = re.compile(r"(?:hiera\w*|data)/.*\.(?:yaml|yml|eyaml)$")
"""What are files of Hiera all but certainly, where no hiera.yaml says it."""


@dataclass
class Validation:
    """One validation of a repository.

    Attributes:
        repo: the control repository.
        paths: files and directories, below it, of which the findings are told; all, if none is given.
        packages: where the packages of services come from.
        style: whether yamllint and puppet-lint are asked.
        notes: what could not be checked, and why.
        puppet: what reads Puppet code.
        source: where the Puppetfile's modules come from; the mirror of Debian's packages, if not given.
    """

    repo: Path
    paths: Sequence[str] = ()
    packages: Packages = field(default_factory=Packages)
    style: bool = True
    notes: list[str] = field(default_factory=list)
    puppet: Puppet = sandboxed.PUPPET
    source: Source | None = None

    def findings(self) -> list[Finding]:
        """Return what is wrong, in the order of files and lines.

        Raises:
            FleetError: it can't be validated at all: it is no control repository, Puppet does not run.
        """
        if not any((self.repo / name).exists() for name in _SIGNS):
            below = sorted({path.parent.name for name in _SIGNS[:2] for path in self.repo.glob(f"*/{name}")})
            hint = f" There is one below it: fleet -C {self.repo / below[0]} validate" if below else ""
            raise FleetError(f"{self.repo}: there is no {layers.NAME}: is this a control repository?{hint}")
        with Files(self.repo) as files:
            found = {finding for finding in self._all(files) if self._asked_for(finding)}
        return sorted(allowed.without(found, self.repo))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the files of Hiera.

        Raises:
            FleetError: Puppet can't run.
        """
        puppet = PuppetCheck(self.repo, self.style, self.puppet, self.source)
        code = puppet.run([])
        with Files(self.repo) as files:
            hiera = self._hiera(puppet)
            files.read(hiera.read)
            check = HieraCheck(files, hiera, set(), self.packages, self.notes)
            return check.schema(check.data(), code)

    def _hiera(self, puppet: PuppetCheck) -> HieraFiles:
        modules = module_data.of(self.repo, puppet.files.modules)
        if not (self.repo / layers.NAME).exists():
            return HieraFiles(None, [name for name in puppet.files.names if _DATA.match(name)], modules)
        hiera = layers.load(self.repo)
        names = fleet_data.names(hiera, Directory(self.repo))
        own = [name for name in names if not hiera.is_read_otherwise(name) or hiera.place(name)]
        return HieraFiles(hiera, self._needed(hiera, own), modules)

    def _needed(self, hiera: layers.Layers, names: list[str]) -> list[str]:
        """The files that have to be read: where the paths are of single machines, not those of other ones."""
        if not self.paths or not all(hiera.is_of_one_machine(path) for path in self.paths):
            return names
        return [name for name in names if name in self.paths or not hiera.is_of_one_machine(name)]

    def _all(self, files: Files) -> Iterator[Finding]:
        puppet = PuppetCheck(self.repo, self.style, self.puppet, self.source)
        hiera = self._hiera(puppet)
        asked = self._wanted(puppet.files.names)
        with YamlStyleCheck(self.repo, asked if self.style else (), files, set(hiera.read)) as style:
            files.read(hiera.read)
            style.begin()
            code = puppet.run(asked).beside(puppet.files.astray)
            yield from puppet.findings
            missing = {module.name for module in puppet.vendored.missing}.union(*puppet.files.astray.values())
            check = HieraCheck(files, hiera, missing, self.packages, self.notes, exists=puppet.files.has)
            check.others = lambda: puppet.files.other_hierarchies
            check.knows_modules = not (puppet.puppetfile.is_program or puppet.settings.elsewhere)
            self.notes += puppet.notes()
            data = check.data()
            check.certnames = machine_services.affected_machines(data, self.paths)
            yield from check.findings(data, code, puppet.complete)
            yield from style.findings()
            self.notes += puppet.files.notes()

    def _asked_for(self, finding: Finding) -> bool:
        return not self.paths or bool(self._wanted([finding.file, *finding.related]))

    def _wanted(self, names: Iterable[str]) -> list[str]:
        """Those of the files that are among the paths, or below one."""
        if not self.paths or "." in self.paths:
            return list(names)
        exact, directories = set(self.paths), tuple(f"{path}/" for path in self.paths)
        return [name for name in names if name in exact or name.startswith(directories)]
