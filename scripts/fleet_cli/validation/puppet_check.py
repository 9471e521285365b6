"""The Puppetfile, the syntax and style of Puppet code and templates, and what the code says."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fleet_cli.repository.finding import Finding
from fleet_cli.validation import lint_check, modules, puppet_code, puppetfile
from fleet_cli.validation.puppet_code import Environment, PuppetCode
from fleet_cli.validation.puppetfile import Puppetfile


@dataclass
class PuppetCheck:
    """One check of the code of a repository.

    Attributes:
        repo: the control repository.
        findings: what is wrong.
        complete: whether all of the code could be read, so that what is not in it is nowhere.
    """

    repo: Path
    findings: list[Finding] = field(default_factory=list)
    complete: bool = True

    @cached_property
    def puppetfile(self) -> Puppetfile:
        """What the Puppetfile says: nothing, where there is none."""
        try:
            return puppetfile.read((self.repo / puppetfile.NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Puppetfile()
        except UnicodeDecodeError:
            finding = Finding(puppetfile.NAME, 1, 1, "not-utf-8", "it is not UTF-8", "save the file as UTF-8")
            return Puppetfile(findings=[finding])

    @cached_property
    def vendored(self) -> modules.Vendored:
        """The modules of the Puppetfile."""
        return modules.find(self.repo, self.puppetfile)

    @cached_property
    def modulepath(self) -> list[str]:
        """The directories of the repository's own modules."""
        return puppet_code.modulepath(self.repo, self.puppetfile.moduledir)

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
            f"module {module.slug} is not in {self.puppetfile.moduledir}/: nothing is known of its keys;"
            " `r10k puppetfile install` fetches it"
            for module in self.vendored.missing
        ]

    def run(self, names: Iterable[str]) -> PuppetCode:
        """Check the Puppetfile, and those of the named files that are Puppet's; return what the code says.

        Raises:
            FleetError: Puppet can't run.
        """
        self.findings += puppetfile.check(self.puppetfile, self.vendored.versions)
        environment = Environment(self.repo, self.modulepath, self.vendored.directories)
        code = environment.code()
        clean = lint_check.Clean("puppet")
        asked = lint_check.changed(self.repo, lint_check.puppet_files(names), clean)
        if code is None or any(asked.values()):
            answer = environment.ask(code is None, {kind: list(files) for kind, files in asked.items()})
            lint_check.note_clean(asked, answer["problems"], clean)
            self.findings += [Finding(**problem) for problem in answer["problems"]]
            if code is None:
                self.complete = not answer["code"]["broken"]
                code = environment.remember(answer["code"])
        self._check_metadata()
        self.findings += self._dependencies(code)
        return code

    def _check_metadata(self) -> None:
        """Puppet leaves out a module whose metadata.json it can't read."""
        for module in self.module_directories():
            name = f"{module}/metadata.json"
            try:
                json.loads((self.repo / name).read_bytes())
            except FileNotFoundError:
                continue
            except UnicodeDecodeError:
                self.findings.append(Finding(name, 1, 1, "not-utf-8", "it is not UTF-8", "save the file as UTF-8"))
                self.complete = False
            except json.JSONDecodeError as error:
                self.findings.append(Finding(name, error.lineno, error.colno, "json-syntax", error.msg))
                self.complete = False

    def _dependencies(self, code: PuppetCode) -> Iterable[Finding]:
        own = {slug: version for slug, version in code.versions.items() if slug not in self.vendored.versions}
        return puppetfile.dependency_problems(self.puppetfile, code.dependencies, own)
