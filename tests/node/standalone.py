"""The bare box as a machine of someone who has the module, an apt repository of one package, and no Puppet server."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployed import REPO, connect
from fleet_cli.lab import laboratory, ssh
from fleet_cli.repository.labfile import Box, Lab
from fleet_cli.roots import forge
from fleet_cli.services import building
from testinfra.host import Host

MODULE = REPO / "modules/flask_microservice"
HOME = "/srv/standalone"
SOURCE = "/etc/apt/sources.list.d/standalone.list"
SERVICE, PORT = "inventory", 7002
"""What the module's examples service.pp and absent.pp declare."""

MORE = f"{HOME}/more"
"""Modules that a test has besides."""

REMAINS = (
    f"/etc/{SERVICE} /var/lib/{SERVICE} /var/log/{SERVICE} /etc/logrotate.d/{SERVICE} /opt/venvs/{SERVICE}"
    f" /opt/releases /etc/systemd/system/{SERVICE}* /usr/local/sbin/flask-microservice {MORE}"
)
PREPARED = f"{HOME} {SOURCE} /var/lib/apt/lists/_srv_standalone_*"
_CLEAR = f"""
systemctl stop '{SERVICE}.socket' '{SERVICE}.service' '{SERVICE}@*.service' 2>/dev/null
apt-get -q -y purge {SERVICE} >/dev/null 2>&1
rm -rf {REMAINS}
mkdir -p /opt  # Debian has it, and dpkg takes it away with the last package in it
userdel {SERVICE} 2>/dev/null; groupdel {SERVICE} 2>/dev/null
nft delete table inet flask_microservice 2>/dev/null  # another account may get the number of this one
systemctl daemon-reload && systemctl reset-failed
"""


@dataclass(frozen=True)
class Standalone:
    """The machine, ready for `puppet apply`."""

    box: Box
    host: Host

    def example(self, name: str) -> bool:
        """Apply an example of the module as its reader would; whether that changed anything."""
        return self._apply(f"{HOME}/modules/flask_microservice/examples/{name}")

    def apply(self, code: str) -> bool:
        """Apply Puppet code; whether that changed anything."""
        manifest = f"{HOME}/manifest.pp"
        ssh.run(self.box, ["tee", manifest], stdin=code)
        return self._apply(manifest)

    def add(self, module: Path) -> None:
        """Have one more module, until all is cleared."""
        ssh.upload(self.box, module, f"{MORE}/{module.name}")

    def clear(self) -> None:
        """Take the service away with all that it has left, and the modules that were added."""
        ssh.run(self.box, ["sh", "-c", _CLEAR])

    def _apply(self, manifest: str) -> bool:
        result = self.host.run(
            f"puppet apply --detailed-exitcodes --color=false --modulepath {HOME}/modules:{MORE} {manifest}"
        )
        assert result.rc in (0, 2), result.stdout + result.stderr
        return bool(result.rc == 2)

    def packages(self) -> set[str]:
        """The installed packages."""
        return set(self.host.check_output("dpkg-query --show --showformat='${Package}\\n'").split())


@contextmanager
def standalone(lab: Lab, staging: Path) -> Iterator[Standalone]:
    """Prepare the bare box, and leave it as it was: what a killed run left is taken away too.

    Args:
        staging: an empty directory, for what is copied to the box.
    """
    box = next(box for box in lab.boxes if box.role == "bare")
    machine = Standalone(box, connect(box))
    machine.clear()
    ssh.run(box, ["sh", "-c", f"rm -rf {PREPARED}"])
    before = machine.packages()
    _lay_out_modules(staging / "modules")
    _lay_out_repository(lab, staging / "apt")
    ssh.upload(box, staging, HOME)
    ssh.run(box, ["tee", SOURCE], stdin=f"deb [trusted=yes] file:{HOME}/apt ./\n")
    only = f"-o Dir::Etc::SourceList={SOURCE} -o Dir::Etc::SourceParts=-"
    machine.host.check_output(f"apt-get -q -y {only} -o APT::Get::List-Cleanup=0 update")
    machine.host.check_output("command -v puppet || apt-get -q -y --no-install-recommends install puppet-agent")
    try:
        yield machine
    finally:
        machine.clear()
        ssh.run(box, ["sh", "-c", f"rm -rf {PREPARED}"])
        if added := machine.packages() - before:
            machine.host.check_output(f"apt-get -q -y purge {' '.join(sorted(added))}")


def _lay_out_modules(target: Path) -> None:
    """The module as it is checked out, and those that its metadata names as the Forge has them."""
    target.mkdir(parents=True)
    subprocess.run(["cp", "-r", MODULE, target], check=True)
    for dependency in json.loads((MODULE / "metadata.json").read_text(encoding="utf-8"))["dependencies"]:
        slug = dependency["name"].replace("/", "-")
        (archive,) = (forge.ensure() / "v3/files").glob(f"{slug}-*.tar.gz")
        folder = target / slug.partition("-")[2]
        folder.mkdir()
        subprocess.run(["tar", "-xzf", archive, "-C", folder, "--strip-components=1"], check=True)


def _lay_out_repository(lab: Lab, target: Path) -> None:
    """A flat apt repository of the service's package."""
    target.mkdir()
    deb = laboratory.package(next(service for service in lab.services if service.name == SERVICE))
    package = building.describe(deb)
    subprocess.run(["cp", deb, target], check=True)
    fields = subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout
    index = f"{fields}Filename: ./{deb.name}\nSize: {package.size}\nSHA256: {package.sha256}\n"
    (target / "Packages").write_text(index, encoding="utf-8")
