"""The Puppetfile, the syntax and style of Puppet code and templates, and what the code says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fleet_cli.planning.modules import Source
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository.finding import Finding
from fleet_cli.validation import clean_files, modules, puppet_environment, puppetfile
from fleet_cli.validation.checks import module_dependencies, module_metadata, module_pins
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.puppet_environment import Environment
from fleet_cli.validation.puppetfile import Puppetfile


@dataclass
class PuppetCheck:
    """One check of the code of a repository.

    Attributes:
        repo: the control repository.
        puppet: what reads the code.
        source: where the Puppetfile's modules come from; the mirror of Debian's packages, if not given.
        findings: what is wrong.
        complete: whether all of the code could be read, so that what is not in it is nowhere.
    """

    repo: Path
    puppet: Puppet = sandboxed.PUPPET
    source: Source | None = None
    findings: list[Finding] = field(default_factory=list)
    complete: bool = True

    @cached_property
    def puppetfile(self) -> Puppetfile:
        """What the Puppetfile says."""
        return puppetfile.of(self.repo)

    @cached_property
    def vendored(self) -> modules.Vendored:
        """The modules of the Puppetfile."""
        return modules.find(self.repo, self.puppetfile, self.source)

    @cached_property
    def modulepath(self) -> list[str]:
        """The directories of the repository's own modules."""
        return puppet_environment.modulepath(self.repo, self.puppetfile.moduledir)

    def module_directories(self) -> list[str]:
        """The repository's own modules."""
        return [
            f"{parent}/{path.name}"
            for parent in self.modulepath
            for path in sorted((self.repo / parent).glob("*"))
            if path.is_dir()
        ]

    def notes(self) -> list[str]:
        """What is not known, and so not checked."""
        return [
            *self.puppet.notes,
            *self.vendored.notes,
            *(
                f"module {module.slug} is not in {self.puppetfile.moduledir}/: nothing is known of its keys;"
                " `r10k puppetfile install` fetches it"
                for module in self.vendored.missing
            ),
        ]

    def run(self, names: Iterable[str]) -> PuppetCode:
        """Check the Puppetfile, and those of the named files that are Puppet's; return what the code says.

        Raises:
            FleetError: Puppet can't run.
        """
        self.findings += module_pins.findings(self.puppetfile, self.vendored.versions)
        environment = Environment(self.repo, self.modulepath, self.vendored.directories, self.puppet)
        code = environment.code()
        clean = clean_files.Clean(f"puppet-{self.puppet.digest[:20]}")
        asked = clean_files.changed(self.repo, clean_files.puppet_files(names), clean)
        if code is None or any(asked.values()):
            answer = environment.ask(code is None, {kind: list(files) for kind, files in asked.items()})
            clean_files.note_clean(asked, answer["problems"], clean)
            self.findings += [Finding(**problem) for problem in answer["problems"]]
            if code is None:
                self.complete = not answer["code"]["broken"]
                code = environment.remember(answer["code"])
        broken_metadata = list(module_metadata.findings(self.repo, self.module_directories()))
        self.complete = self.complete and not broken_metadata
        self.findings += broken_metadata
        self.findings += self._dependencies(code)
        return code

    def _dependencies(self, code: PuppetCode) -> Iterable[Finding]:
        own = {slug: version for slug, version in code.versions.items() if slug not in self.vendored.versions}
        return module_dependencies.findings(self.puppetfile, code.dependencies, own)
