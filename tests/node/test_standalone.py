"""The module on a machine that has nothing else of this repository: its examples, by `puppet apply`, without a server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from deployed import REPO, connect
from fleet_cli import building, forge, laboratory, ssh
from fleet_cli.labfile import Box, Lab
from testinfra.host import Host

MODULE = REPO / "modules/flask_microservice"
HOME = "/srv/standalone"
SOURCE = "/etc/apt/sources.list.d/standalone.list"
SERVICE, PORT = "inventory", 7002
"""What the examples service.pp and absent.pp declare."""

REMAINS = (
    f"/etc/{SERVICE} /var/lib/{SERVICE} /var/log/{SERVICE} /etc/logrotate.d/{SERVICE} /opt/venvs/{SERVICE} /opt/releases"
    f" /etc/systemd/system/{SERVICE}* /usr/local/sbin/flask-microservice {HOME} {SOURCE}"
    " /var/lib/apt/lists/_srv_standalone_*"
)
_CLEAR = f"""
systemctl stop '{SERVICE}.socket' '{SERVICE}.service' '{SERVICE}@*.service' 2>/dev/null
apt-get -q -y purge {SERVICE} >/dev/null 2>&1
rm -rf {REMAINS}
mkdir -p /opt  # Debian has it, and dpkg takes it away with the last package in it
userdel {SERVICE} 2>/dev/null; groupdel {SERVICE} 2>/dev/null
systemctl daemon-reload && systemctl reset-failed
"""


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Box:
    return next(box for box in lab.boxes if box.role == "bare")


@pytest.fixture(scope="module")
def bare(machine: Box, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A Debian with the module and what its metadata names, an apt repository of one package, and the agent."""
    host = connect(machine)
    _clear(machine)
    before = _packages(host)
    staging = tmp_path_factory.mktemp("standalone")
    _modules(staging / "modules")
    _repository(lab, staging / "apt")
    ssh.upload(machine, staging, HOME)
    ssh.run(machine, ["tee", SOURCE], stdin=f"deb [trusted=yes] file:{HOME}/apt ./\n")
    only = f"-o Dir::Etc::SourceList={SOURCE} -o Dir::Etc::SourceParts=-"
    host.check_output(f"apt-get -q -y {only} -o APT::Get::List-Cleanup=0 update")
    host.check_output("command -v puppet || apt-get -q -y --no-install-recommends install puppet-agent")
    yield host
    _clear(machine)
    if added := _packages(host) - before:
        host.check_output(f"apt-get -q -y purge {' '.join(sorted(added))}")


def _clear(box: Box) -> None:
    """Take away what this test leaves, or left when it was interrupted."""
    ssh.run(box, ["sh", "-c", _CLEAR])


def _packages(host: Host) -> set[str]:
    return set(host.check_output("dpkg-query --show --showformat='${Package}\\n'").split())


def _modules(target: Path) -> None:
    """The module as it is checked out, and the modules that its metadata names, as the Forge has them."""
    target.mkdir(parents=True)
    subprocess.run(["cp", "-r", MODULE, target], check=True)
    for dependency in json.loads((MODULE / "metadata.json").read_text(encoding="utf-8"))["dependencies"]:
        slug = dependency["name"].replace("/", "-")
        (archive,) = (forge.ensure() / "v3/files").glob(f"{slug}-*.tar.gz")
        folder = target / slug.partition("-")[2]
        folder.mkdir()
        subprocess.run(["tar", "-xzf", archive, "-C", folder, "--strip-components=1"], check=True)


def _repository(lab: Lab, target: Path) -> None:
    """A flat apt repository of the service's package."""
    target.mkdir()
    deb = laboratory.package(next(service for service in lab.services if service.name == SERVICE))
    package = building.describe(deb)
    subprocess.run(["cp", deb, target], check=True)
    fields = subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout
    index = f"{fields}Filename: ./{deb.name}\nSize: {package.size}\nSHA256: {package.sha256}\n"
    (target / "Packages").write_text(index, encoding="utf-8")


def apply(bare: Host, example: str) -> bool:
    """Apply an example as its reader would; whether it changed anything."""
    manifest = f"{HOME}/modules/flask_microservice/examples/{example}"
    result = bare.run(f"puppet apply --detailed-exitcodes --color=false --modulepath {HOME}/modules {manifest}")
    assert result.rc in (0, 2), result.stdout + result.stderr
    return result.rc == 2


def test_the_module_alone_runs_a_service_and_takes_it_away_again(bare: Host, machine: Box) -> None:
    assert apply(bare, "service.pp")
    url = f"http://{machine.address}:{PORT}"
    assert requests.get(f"{url}/health/ready", timeout=10).json()["status"] == "ready"
    assert requests.get(f"{url}/api/v1/items", timeout=10).json()["service"] == SERVICE
    assert not apply(bare, "service.pp"), "a second apply must change nothing"

    log = bare.file(f"/var/log/{SERVICE}/{SERVICE}.log")
    assert "/api/v1/items" in log.content_string
    assert apply(bare, "absent.pp")
    assert not bare.package(SERVICE).is_installed
    assert not bare.socket(f"tcp://0.0.0.0:{PORT}").is_listening
    assert bare.check_output(f"systemctl list-units --all --no-legend '{SERVICE}*'") == ""
    assert not bare.file(f"/etc/{SERVICE}").exists
    assert "/api/v1/items" in log.content_string, "the log must stay"
    assert bare.file(f"/var/lib/{SERVICE}/{SERVICE}.db").exists, "the data must stay"
    assert not apply(bare, "absent.pp")
