"""octocatalog-diff on two environments of `fleet plan`, one node at a time: what the plans are compared with."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fleet_cli.machine import paths, process, temporary
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning.environment import Environment
from fleet_cli.repository.inventory import Machine
from fleet_cli.sandbox import archives, running

PACKAGE = "octocatalog-diff"
_DOWNLOADED = paths.CACHE / "tests/octocatalog-diff"
_WORK = "/octocatalog"
# It has no option for trusted extensions, and `puppet catalog compile`, which it runs, knows of no certificate.
_TRUSTED = """\
require 'puppet'
class Puppet::Context::TrustedInformation
  def self.local(node)
    new('local', node ? node.name : nil, { 'pp_role' => ENV['PP_ROLE'], 'pp_environment' => ENV['PP_TIER'] })
  end
end
"""
_RUN = """
set -eu
dpkg --install /octocatalog/octocatalog-diff.deb >/dev/null
mkdir /tmp/found
export RUBYOPT=-r/octocatalog/trusted.rb
while read -r certname PP_ROLE PP_TIER; do
  export PP_ROLE PP_TIER
  octocatalog-diff --hostname "$certname" --fact-file "/octocatalog/facts/$certname.yaml" \
    --bootstrapped-from-dir=/octocatalog/from --bootstrapped-to-dir=/octocatalog/to --no-hiera-config \
    --puppet-binary /usr/bin/puppet --pass-env-vars RUBYOPT,PP_ROLE,PP_TIER --compare-file-text \
    --output-format json >"/tmp/found/$certname.json" || [ $? = 2 ]
done
exec tar --create --directory=/tmp/found .
"""


@dataclass(frozen=True)
class Finding:
    """A difference that it found: `+`, `-` or `~`, the resource, and the parameter of a changed one."""

    sign: str
    reference: str
    parameter: str = ""


class Octocatalog:
    """Ready to compare two environments."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def compare(self, machines: Mapping[Machine, Mapping[str, Any]]) -> dict[str, set[Finding]]:
        """Return the findings for each machine, by certname; machines are given with their facts."""
        for machine, facts in machines.items():
            values = {**facts, "clientcert": machine.certname, "clientversion": facts["puppetversion"]}
            text = yaml.safe_dump({"name": machine.certname, "values": values})
            (self._work / f"facts/{machine.certname}.yaml").write_text(text, encoding="utf-8")
        lines = "".join(f"{machine.certname} {machine.role} {machine.tier}\n" for machine in machines)
        archive, found = self._work.with_suffix(".tar"), self._work / "found"
        reads = {self._work: _WORK}
        running.run(PACKAGE, ["sh", "-c", _RUN], reads=reads, stdin=lines, archive=archive, root=True)
        archives.unpack(archive, found)
        return {machine.certname: self._findings(found / f"{machine.certname}.json") for machine in machines}

    def _findings(self, file: Path) -> set[Finding]:
        answer = json.loads(file.read_text(encoding="utf-8"))
        found = set()
        for entry in answer["diff"]:
            sign = {"!": "~"}.get(entry["diff_type"], entry["diff_type"])
            parameter = entry["structure"][1] if sign == "~" else ""
            found.add(Finding(sign, f"{entry['type']}[{entry['title']}]", parameter))
        return found


def why_not() -> str:
    """Say why it can't be had on this machine; nothing where it can."""
    try:
        _package()
    except FleetError:
        return f"this machine's apt has no package {PACKAGE} (Debian 12 has)"
    return ""


def _package() -> Path:
    found = list(_DOWNLOADED.glob("*.deb"))
    if not found:
        _DOWNLOADED.mkdir(parents=True, exist_ok=True)
        process.run(["apt-get", "-q", "download", PACKAGE], cwd=_DOWNLOADED)
        found = list(_DOWNLOADED.glob("*.deb"))
    return found[0]


@contextmanager
def prepared(base: Environment, head: Environment) -> Iterator[Octocatalog]:
    """Both environments laid out for it."""
    with temporary.directory() as work:
        shutil.copy(_package(), work / "octocatalog-diff.deb")
        (work / "trusted.rb").write_text(_TRUSTED, encoding="utf-8")
        (work / "facts").mkdir()
        _lay_out(base, work / "from")
        _lay_out(head, work / "to")
        yield Octocatalog(work)


def _lay_out(environment: Environment, target: Path) -> None:
    shutil.copytree(environment.directory, target, symlinks=True)
    fetched = environment.fetched
    assert fetched is not None
    for directory in sorted({str(Path(*Path(name).parts[:2])) for name in fetched.files}):
        (target / directory).unlink()
        shutil.copytree(fetched.directory / directory, target / directory)
