"""What is published gets to the nodes, whatever its version looks like; what is refused stands in nobody's way."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from deployed import connect
from fleet_cli.lab import laboratory, ssh
from fleet_cli.repository.labfile import Box, Lab
from releases import variant
from workspace import Fleet, Workspace

pytestmark = pytest.mark.deploys

SERVICE = "inventory"
PINS = "hieradata/tiers/staging.yaml"
VERSION = "1:1.0.0~rc1+b1-1"


@pytest.fixture(scope="module")
def package(lab: Lab) -> Path:
    """The package that the lab publishes."""
    return laboratory.package(next(service for service in lab.services if service.name == SERVICE))


@pytest.fixture
def control(tmp_path: Path, fleet: Fleet, staging: Box) -> Iterator[Workspace]:
    """A branch that is tried on the staging node; afterwards that is given what the fleet is given."""
    workspace = Workspace.clone(tmp_path / "control")
    workspace.branch("epoch")
    yield workspace
    fleet.ok("run", staging.name, "--end-trial")
    assert installed(staging) == "1.0.0-1", "the version without an epoch, which is the lower one, did not come back"


def installed(box: Box) -> str:
    return str(connect(box).check_output(f"dpkg-query --show --showformat='${{Version}}' {SERVICE}"))


def built(directory: Path, name: str, version: str, architecture: str) -> Path:
    """A package with nothing in it."""
    control = directory / name / "DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A B <a@example.org>\n"
        "Description: nothing\n",
        encoding="utf-8",
    )
    file = directory / f"{name}_{version}_{architecture}.deb"
    build = ["dpkg-deb", "-Znone", "--root-owner-group", "--build", str(directory / name), str(file)]
    subprocess.run(build, check=True, capture_output=True)
    return file


BASIC = "libc6"


@pytest.fixture
def another_libc(lab: Lab, tmp_path: Path) -> Iterator[str]:
    """A version of libc6 in the fleet's repository, as the account that owns it can publish."""
    version = "999-1"
    ssh.upload(lab.server, built(tmp_path, BASIC, version, "amd64"), "/tmp/libc6_999-1_amd64.deb")
    update = "aptly publish update -batch fleet debian >/dev/null"
    ssh.run(lab.server, ["sh", "-c", f"aptly repo add fleet /tmp/libc6_999-1_amd64.deb >/dev/null && {update}"])
    yield version
    remove = f"aptly repo remove fleet libc6_{version}_amd64 && aptly db cleanup"
    ssh.run(lab.server, ["sh", "-c", f"{remove} >/dev/null; {update}; rm /tmp/libc6_999-1_amd64.deb"])


def test_who_publishes_replaces_nothing_of_debian(another_libc: str, staging: Box) -> None:
    """Every node would take its libc6 from there at the next upgrade, and be the publisher's."""
    node = connect(staging)
    lists = "-o Dir::State::lists=/var/lib/apt-probe -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
    node.check_output("mkdir -p /var/lib/apt-probe/partial && cp -al /var/lib/apt/lists/*Packages* /var/lib/apt-probe")
    try:
        only = "-o Dir::Etc::sourcelist=/etc/apt/sources.list.d/fleet.sources -o Dir::Etc::sourceparts=-"
        node.check_output(
            f"apt-get -qq update {lists} {only} -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any"
        )
        policy = node.check_output(f"apt-cache policy {BASIC} {lists}")
        assert f" {another_libc} 100\n" in policy
        assert f"Candidate: {another_libc}" not in policy
        services = node.check_output(f"apt-cache policy {SERVICE} {lists}")
        assert " 1.0.0-1 900\n" in services
    finally:
        node.run("rm -rf /var/lib/apt-probe")


@pytest.mark.drill
def test_version_with_an_epoch(control: Workspace, staging: Box, package: Path, tmp_path: Path) -> None:
    without = VERSION.removeprefix("1:")
    for version in (without, VERSION):
        directory = tmp_path / version
        directory.mkdir()
        # Both have the name that a build gives them, which has no epoch.
        made = variant(package, version, lambda _: None, directory)
        control.fleet.ok("publish", str(made.rename(directory / f"{SERVICE}_{without}_amd64.deb")))
    data = yaml.safe_load(control.read(PINS))
    data["flask_microservice::versions"][SERVICE] = VERSION
    control.commit(PINS, yaml.safe_dump(data))
    control.fleet.ok("deploy", "epoch")
    (run,) = control.fleet.agent(staging.name, "--environment", "epoch")
    assert (run["outcome"], run["failed"]) == ("changed", [])
    assert installed(staging) == VERSION
    (again,) = control.fleet.agent(staging.name, "--environment", "epoch")
    assert (again["outcome"], again["changed"]) == ("unchanged", [])


REFUSED = {
    "bash_99.0-1_amd64.deb": "Debian has a package bash",
    "billing_99.0-1_arm64.deb": "is not for this repository's machines",
}


@pytest.mark.parametrize("file_name", REFUSED)
def test_what_is_refused_is_named_as_it_is_here_and_the_next_publication_works(
    file_name: str, fleet: Fleet, package: Path, tmp_path: Path
) -> None:
    file = built(tmp_path, *file_name.removesuffix(".deb").split("_"))
    result = fleet("publish", str(file))
    assert result.returncode == 1
    assert f"{file}: " in result.stderr
    assert REFUSED[file_name] in result.stderr
    assert "Traceback" not in result.stderr
    assert "inventory 1.0.0-1 amd64: was published already" in fleet.ok("publish", str(package))
    other = built(tmp_path, "nobody-runs-this", f"{time.time_ns()}-1", "all")
    result = fleet("publish", str(other))
    assert result.returncode == 0, result.stderr
    assert ": published" in result.stdout
    assert "warning: no deployed service runs from the package nobody-runs-this" in result.stderr
