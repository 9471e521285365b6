"""The Puppetfile, the syntax and style of Puppet code and templates, and what the code says."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fleet_cli.planning.modules import Source
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository.environment_conf import EnvironmentConf
from fleet_cli.repository.finding import Finding
from fleet_cli.validation import (
    kept_findings,
    lint_rules,
    modules,
    puppet_environment,
    puppetfile,
    puppetfile_lock,
)
from fleet_cli.validation.checks import module_dependencies, module_locks, module_metadata, module_pins
from fleet_cli.validation.own_files import OwnFiles
from fleet_cli.validation.puppet_code import PuppetCode
from fleet_cli.validation.puppet_environment import Environment
from fleet_cli.validation.puppetfile import Puppetfile

_HOW = {".pp": "lint", ".epp": "epp", ".erb": "erb"}
"""How checks/puppet_files.rb checks a file, by its suffix."""
_SHOWN = 5
"""Modules that a note names."""


@dataclass
class PuppetCheck:
    """One check of the code of a repository.

    Attributes:
        repo: the control repository.
        style: whether puppet-lint is asked.
        puppet: what reads the code.
        source: where the Puppetfile's modules come from; the mirror of Debian's packages, if not given.
        findings: what is wrong.
        complete: whether all of the code could be read, so that what is not in it is nowhere.
    """

    repo: Path
    style: bool = True
    puppet: Puppet = sandboxed.PUPPET
    source: Source | None = None
    findings: list[Finding] = field(default_factory=list)
    complete: bool = True

    @cached_property
    def puppetfile(self) -> Puppetfile:
        """What the Puppetfile says."""
        return puppetfile_lock.with_lock(puppetfile.of(self.repo), self.repo)

    @cached_property
    def vendored(self) -> modules.Vendored:
        """The modules of the Puppetfile."""
        return modules.find(self.repo, self.puppetfile, self.source)

    @cached_property
    def settings(self) -> EnvironmentConf:
        """What environment.conf says."""
        return puppet_environment.settings_of(self.repo)

    @cached_property
    def files(self) -> OwnFiles:
        """The files that are the repository's own, and its modules."""
        fetched = [module.name for module in self.puppetfile.modules if not module.is_local]
        return OwnFiles(self.repo, self.settings.modulepath, self.puppetfile.moduledir, fetched)

    def notes(self) -> Iterator[str]:
        """What is not known, and so not checked: a line for each kind."""
        yield from self.puppet.notes
        yield from self.vendored.notes
        missing = [module.slug for module in self.vendored.missing]
        if missing:
            names = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} others" if missing[_SHOWN:] else "")
            one = f"module {names} is" if len(missing) == 1 else f"{len(missing)} modules are"
            rest = "" if len(missing) == 1 else f" ({names})"
            yield (
                f"{one} not at hand in the version that is pinned{rest}: nothing is known of their classes and keys;"
                f" `r10k puppetfile install` puts them into {self.puppetfile.moduledir}/"
            )
        if not self.complete:
            yield "some of the Puppet code can't be read: keys, roles and tiers that nothing has are not told"
        if self.puppetfile.is_program:
            yield "a part of the Puppetfile is Ruby that only r10k runs: modules that it names there are not known"
        if not self.settings.is_said and self.puppetfile.moduledir not in ("", *self.settings.modulepath):
            taken = ", ".join([*self.settings.modulepath, self.puppetfile.moduledir])
            yield f"there is no environment.conf: the modulepath is not known, and taken for {taken}"
        if self.settings.elsewhere:
            yield f"modules in {', '.join(self.settings.elsewhere)} are not here: nothing is known of their keys"

    def run(self, names: Iterable[str]) -> PuppetCode:
        """Check the Puppetfile, and those of the named files that are Puppet's; return what the code says.

        Raises:
            FleetError: Puppet can't run.
        """
        self.findings += module_pins.findings(self.puppetfile, self.vendored.versions)
        self.findings += module_locks.findings(self.repo, puppetfile.of(self.repo))
        environment = self._environment()
        code = environment.code()
        rules = lint_rules.of_puppet(self.repo) if self.style and self.puppet.lints else None
        kept = kept_findings.Kept(f"puppet-{self.puppet.digest[:20]}")
        asked = self._unknown(names, json.dumps([rules, puppet_environment.PROGRAMS_DIGEST]), kept)
        if code is None or asked:
            check = {how: [name for name in asked if _HOW[Path(name).suffix] == how] for how in _HOW.values()}
            answer = environment.ask(code is None, check, rules)
            found: dict[str, list[Finding]] = {name: [] for name in asked}
            for problem in answer["problems"]:
                found[problem["file"]].append(Finding(**problem))
            for name, its in found.items():
                kept.add(asked[name], its)
                self.findings += its
            kept.save()
            if code is None:
                code = environment.remember(answer["code"])
        self.complete = code.is_whole
        broken_metadata = list(module_metadata.findings(self.repo, self.files.modules))
        self.complete = self.complete and not broken_metadata
        self.findings += broken_metadata
        self.findings += self._dependencies(code)
        if self.settings.is_said:
            self.findings += module_pins.off_the_modulepath(
                self.puppetfile, self.settings.modulepath, self.vendored.directories, code.mentioned
            )
        return code

    def _environment(self) -> Environment:
        """The code that is described: the Puppetfile's modules one by one, and what lies beside them."""
        moduledir = self.puppetfile.moduledir
        beside = {
            name.rpartition("/")[2]: self.repo / name
            for name in self.files.modules
            if moduledir and name.rpartition("/")[0] == moduledir
        }
        return Environment(self.repo, self.settings, moduledir, {**self.vendored.directories, **beside}, self.puppet)

    def _unknown(self, names: Iterable[str], rules: str, kept: kept_findings.Kept) -> dict[str, str]:
        """Those of the files that have to be checked, each with its digest; what is known of the others is noted."""
        asked = {}
        for name in names:
            path = self.repo / name
            if path.suffix in _HOW and path.is_file():
                digest = kept_findings.digest_of_file(rules, path, name)
                if (found := kept.get(digest, name)) is None:
                    asked[name] = digest
                else:
                    self.findings += found
        return asked

    def _dependencies(self, code: PuppetCode) -> Iterator[Finding]:
        if self.puppetfile.is_program or self.puppetfile.is_locked:
            return  # some modules are not known, so none is known to be absent; or others saw to it
        own = {slug: version for slug, version in code.versions.items() if slug not in self.vendored.versions}
        texts = module_metadata.texts(self.repo, self.files.modules)
        here = None if self.settings.elsewhere else code.module_names
        yield from module_dependencies.findings(self.puppetfile, code.dependencies, own, here, texts)
