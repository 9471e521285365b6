"""Which Puppet this machine has of its own, and which of the Ruby libraries that fleet needs."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.machine import process
from fleet_cli.machine.cache import digest
from fleet_cli.machine.errors import CommandFailedError, FleetError

PACKAGED = Path("/opt/puppetlabs")
"""Where the packages puppet-agent and openvox-agent of Puppet's and OpenVox' own repositories are, with a Ruby."""
RELEASE = 8
INSTEAD = "or leave out `--puppet host`: then Puppet runs in a sandbox (docs/sandbox.md)"
_IS_PUPPET = re.compile(r"puppet/util/command_line|bin_path\(['\"]puppet['\"]")
"""In the program `puppet` of packages, and in the one that RubyGems writes."""
_SHEBANG = re.compile(r"#!\s*(?P<program>\S+)(?:\s+(?P<argument>\S+))?")
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_SECONDS = 60.0
_ASK = """
require 'json'
def found
  yield
rescue LoadError
  nil
end
puts JSON.generate(
  puppet: found { require 'puppet/version'; Puppet.version },
  library: $LOADED_FEATURES.grep(%r{/puppet/version\\.rb\\z}).first,
  lint: found { require 'puppet-lint/version'; PuppetLint::VERSION },
  eyaml: found { require 'hiera/backend/eyaml'; Hiera::Backend::Eyaml::VERSION }
)
"""


@dataclass(frozen=True)
class Installation:
    """A Puppet of this machine.

    Attributes:
        program: the file `puppet`.
        ruby: the Ruby that runs it.
        library: where that has Puppet.
        version: Puppet's or OpenVox'.
        lint, eyaml: the versions of puppet-lint and hiera-eyaml; empty where they are missing.
        environment: what its programs are started with, and nothing else.
    """

    program: Path
    ruby: Path
    library: str
    version: str
    lint: str
    eyaml: str
    environment: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Another one for another Puppet."""
        return digest(str(self.ruby), self.library, self.version, self.lint, self.eyaml)

    def gem(self, name: str) -> str:
        """The command that installs a gem for this Ruby."""
        return f"`{self.ruby.with_name('gem')} install {name}`"

    def beside(self, name: str) -> Path | None:
        """Return a program of PATH, or one beside this Ruby."""
        found = shutil.which(name) or shutil.which(name, path=str(self.ruby.parent))
        return Path(found) if found else None


def find() -> Installation:
    """Return the Puppet of PATH, or else that of the packages in PACKAGED.

    Raises:
        FleetError: there is none, it is not of release 8, or its Ruby can't be found or does not have it.
    """
    found = shutil.which("puppet") or shutil.which("puppet", path=str(PACKAGED / "bin"))
    if not found:
        raise FleetError(
            f"`--puppet host`: `puppet` is neither on PATH nor in {PACKAGED / 'bin'}: install Puppet {RELEASE} or"
            f" OpenVox {RELEASE} (puppet-agent, openvox-agent, or the gem), {INSTEAD}"
        )
    program = Path(found)
    ruby = _ruby(program)
    environment = _environment(ruby)
    said = _asked(program, ruby, environment)
    return Installation(
        program, ruby, said["library"], said["puppet"], said["lint"], said["eyaml"], environment,
    )  # fmt: skip


def _ruby(program: Path) -> Path:
    """The Ruby of a program `puppet`: that of its first line, or the one beside what a wrapper leads to."""
    real = program.resolve()
    text = real.read_bytes()[:65536].decode("utf-8", "replace")
    named = _interpreter(text)
    if named and named.name.startswith("ruby") and _IS_PUPPET.search(text):
        return named
    if not real.is_relative_to(PACKAGED.resolve()):
        # What it is only it can say.
        _require_release(program, _told(program))
    beside = real.with_name("ruby") if real.with_name("ruby").exists() else program.with_name("ruby")
    if not os.access(beside, os.X_OK):
        raise FleetError(
            f"{program}: no Ruby program, and no `ruby` is beside it: put another `puppet` first in PATH, {INSTEAD}"
        )
    return beside


def _interpreter(text: str) -> Path | None:
    shebang = _SHEBANG.match(text)
    if not shebang:
        return None
    if Path(shebang["program"]).name == "env":
        found = shutil.which(shebang["argument"] or "")
        return Path(found) if found else None
    return Path(shebang["program"])


def _told(program: Path) -> str:
    """What a program says when it is asked for its version. Puppet would make directories in the home for that."""
    nowhere = [word for each in ("conf", "var", "code", "log") for word in (f"--{each}dir", "/nonexistent")]
    said = process.run([program, "--version", *nowhere], check=False, seconds=_SECONDS, most=2**16).stdout
    found = _VERSION.search(said)
    return found[0] if found else ""


def _require_release(program: Path, version: str) -> None:
    if not version.startswith(f"{RELEASE}."):
        raise FleetError(
            f"{program} is of version {version or 'unknown'}: fleet needs Puppet {RELEASE} or OpenVox {RELEASE}:"
            f" install that, or put it first in PATH, {INSTEAD}"
        )


def _environment(ruby: Path) -> dict[str, str]:
    """PATH, HOME and where gems are; the packages' Ruby has its own."""
    names = ["PATH", "HOME", "TMPDIR", *([] if ruby.is_relative_to(PACKAGED) else ["GEM_HOME", "GEM_PATH"])]
    return {"LANG": "C.UTF-8", **{name: os.environ[name] for name in names if name in os.environ}}


def _asked(program: Path, ruby: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What a Ruby has of Puppet and of other libraries.

    Raises:
        FleetError: no Puppet, or not release 8.
    """
    command = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), str(ruby), "-e", _ASK]
    try:
        said = process.run(command, seconds=_SECONDS, most=2**20).stdout
        answer = {name: str(value or "") for name, value in json.loads(said.splitlines()[-1]).items()}
    except CommandFailedError as error:
        raise FleetError(f"{ruby}, the Ruby of {program}, does not run: {error}") from None
    except (IndexError, ValueError):
        raise FleetError(
            f"{ruby}, beside {program}, is no Ruby: put another `puppet` first in PATH, {INSTEAD}"
        ) from None
    if not answer["puppet"]:
        raise FleetError(
            f"{ruby} is the Ruby of {program}, and does not have its library: install Puppet {RELEASE} anew, {INSTEAD}"
        )
    _require_release(program, answer["puppet"])
    return answer
