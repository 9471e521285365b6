"""The Puppet code of an environment, read by Puppet itself.

puppet_code.rb takes seconds for that, so its answer is cached for as long as no file of the code changes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fleet_cli.machine import paths
from fleet_cli.machine.cache import Cache, digest
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository import environment_conf
from fleet_cli.repository.environment_conf import EnvironmentConf
from fleet_cli.validation import modules, puppet_code
from fleet_cli.validation.puppet_code import PuppetCode

PROGRAM = Path(__file__).with_name("puppet_code.rb")
PROGRAMS_DIGEST = digest(*(file.read_text(encoding="utf-8") for file in sorted(PROGRAM.parent.rglob("*.rb"))))
"""Another one, whenever what reads and checks Puppet code does it in another way."""
CACHE: Cache[Mapping[str, Any]] = Cache(paths.CACHE / "validate/code", 50)
"""The "code" that puppet_code.rb answered, by Environment.digest."""
_CODE = (".pp", ".epp", ".erb", ".rb")
_INSIDE = "/control"
_VENDOR = "/vendor"
_PROGRAMS = "/validation"


@dataclass(frozen=True)
class Environment:
    """Where the code of an environment is.

    Attributes:
        repo: the control repository.
        settings: its environment.conf.
        moduledir: the directory of the modulepath whose modules are given one by one; empty if none is.
        modules: the Puppetfile's modules, and those that the repository has beside them, by name.
        puppet: what reads it.
    """

    repo: Path
    settings: EnvironmentConf
    moduledir: str
    modules: Mapping[str, Path]
    puppet: Puppet

    @property
    def _modulepath(self) -> list[str]:
        return [directory for directory in self.settings.modulepath if directory != self.moduledir]

    @property
    def _manifest(self) -> str:
        return self.settings.manifest or "manifests"

    @cached_property
    def digest(self) -> str:
        """Changes when Puppet, or any file changes that puppet_code.rb reads to describe the code."""
        whole = hashlib.sha256(f"{PROGRAMS_DIGEST}{self.puppet.digest}".encode())
        for directory in (self._manifest, *self._modulepath):
            for file in _code_below(self.repo / directory):
                whole.update(f"\0{file.relative_to(self.repo)}\0".encode() + file.read_bytes())
        for name, module in sorted(self.modules.items()):
            # What is unpacked here is named by its version; what r10k put elsewhere is not, and may have been edited.
            whole.update(f"\0{name}\0{module.name}".encode())
            if module.parent != modules.UNPACKED:
                for file in _code_below(module):
                    whole.update(file.read_bytes())
        return whole.hexdigest()

    def ask(
        self, describe: bool, check: Mapping[str, Sequence[str]], lint: Sequence[str] | None = ()
    ) -> dict[str, Any]:
        """Run puppet_code.rb, which takes seconds.

        Args:
            describe: whether to describe the code.
            check: files below the repository, by what to check them as: lint, epp, erb.
            lint: options of puppet-lint; None to leave out what it says.

        Raises:
            FleetError: Puppet can't run, or can't read the code at all.
        """
        control = self.puppet.at(_INSIDE)
        request = {
            "modulepath": [*(f"{control}/{directory}" for directory in self._modulepath), self.puppet.at(_VENDOR)],
            "manifests": f"{control}/{self._manifest}",
            "describe": describe,
            "lint_options": lint,
            "check": {kind: [f"{control}/{name}" for name in names] for kind, names in check.items()},
        }
        # Of the clone no more than that: there may be keys in it, or what is not committed.
        tops = {
            name.split("/", 1)[0] for names in ((*self._modulepath, self._manifest), *check.values()) for name in names
        }
        reads = {self.repo / top: f"{_INSIDE}/{top}" for top in sorted(tops) if (self.repo / top).exists()}
        reads.update({directory: f"{_VENDOR}/{name}" for name, directory in self.modules.items()})
        reads[PROGRAM.parent] = _PROGRAMS
        try:
            said = self.puppet.run(f"{_PROGRAMS}/{PROGRAM.name}", reads=reads, stdin=json.dumps(request)).stdout
            answer: dict[str, Any] = json.loads(said)
        except CommandFailedError as error:
            raise FleetError(f"Puppet can't read the code of {self.repo}: {error}") from None
        for problem in answer["problems"]:
            problem["file"] = problem["file"].removeprefix(f"{control}/")
            problem["message"] = problem["message"].replace(f"{control}/", "")
        return answer

    def code(self) -> PuppetCode | None:
        """Return this code from the cache; None if it has to be read again."""
        answer = CACHE.get(self.digest)
        return self._loaded(answer) if answer else None

    def remember(self, answer: Mapping[str, Any]) -> PuppetCode:
        """Cache the "code" of an answer, and return it."""
        CACHE.put(self.digest, answer)
        return self._loaded(answer)

    def _loaded(self, answer: Mapping[str, Any]) -> PuppetCode:
        return puppet_code.load(answer, self.digest, is_whole=not answer["broken"])


def settings_of(repo: Path) -> EnvironmentConf:
    """Read environment.conf of a repository; without one the server's defaults hold."""
    try:
        return environment_conf.parse((repo / environment_conf.NAME).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return EnvironmentConf()


def _code_below(directory: Path) -> list[Path]:
    """The files that puppet_code.rb reads: manifests, templates, Ruby that may look something up, and metadata."""
    if directory.is_file():
        return [directory]
    files = (file for file in directory.rglob("*") if file.suffix in _CODE or file.name == "metadata.json")
    return sorted(file for file in files if file.is_file())
