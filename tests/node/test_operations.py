"""What operators do: change, promote, go back; and what they see when something is wrong."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from deployed import connect
from fleet_cli.lab import laboratory
from fleet_cli.repository.labfile import Box, Lab
from releases import variant
from testinfra.host import Host
from workspace import Fleet, Workspace

SERVICES = "flask_microservice::services"
VERSIONS = "flask_microservice::versions"
NEWER = "2.0.1"


def changed_yaml(workspace: Workspace, path: str, change: Any) -> str:
    data = yaml.safe_load(workspace.read(path)) or {}
    change(data)
    return yaml.safe_dump(data)


def pin(workspace: Workspace, tier: str, service: str, version: str) -> None:
    """Commit a version for a tier."""
    path = f"hieradata/tiers/{tier}.yaml"
    workspace.commit(path, changed_yaml(workspace, path, lambda data: data[VERSIONS].update({service: version})))


def items(box: Box, port: int) -> dict[str, Any]:
    answer = requests.get(f"http://{box.address}:{port}/api/v1/items", timeout=10)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ports(workspace: Workspace) -> dict[str, int]:
    result = {}
    for path in sorted((workspace.directory / "hieradata/services").glob("*.yaml")):
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8"))[SERVICES].items():
            result[name] = entry["port"]
    return result


def release(node: Host, service: str) -> str:
    """Return the release that serves."""
    (status,) = json.loads(node.check_output(f"flask-microservice status --json --no-health {service}"))
    return str(status["release"])


def starts(node: Host, service: str) -> str:
    """Return what identifies the running instance: it differs after a restart."""
    return str(node.check_output(f"systemctl show -P InvocationID {service}@{release(node, service)}.service"))


@pytest.fixture
def trial_ended(fleet: Fleet, staging: Box) -> Iterator[None]:
    """Whatever a test tries on the staging node: afterwards it is given what the fleet is given."""
    yield
    fleet.ok("run", staging.name, "--end-trial")


@pytest.fixture(scope="module")
def inventory_2(fleet: Fleet, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of inventory at a newer version, published."""
    package = laboratory.package(next(service for service in lab.services if service.name == "inventory"))

    def renumber(code: Path) -> None:
        (metadata,) = code.parent.glob("inventory-*.dist-info/METADATA")
        text = metadata.read_text(encoding="utf-8")
        metadata.write_text(re.sub("^Version: .*", f"Version: {NEWER}", text, count=1, flags=re.M), encoding="utf-8")

    made = variant(package, f"{NEWER}-1", renumber, tmp_path_factory.mktemp("newer"))
    fleet.ok("publish", str(made))
    return made


@pytest.mark.deploys
@pytest.mark.usefixtures("production_restored")
def test_a_version_is_promoted_and_taken_back(workspace: Workspace, lab: Lab, inventory_2: Path) -> None:
    assert inventory_2.exists()
    port = ports(workspace)["inventory"]
    production = next(box for box in lab.nodes if (box.role, box.tier) == ("app", "production"))
    pin(workspace, "production", "inventory", f"{NEWER}-1")
    workspace.fleet.ok("deploy")
    workspace.fleet.ok("run", production.name)
    assert items(production, port)["version"] == NEWER
    staging = next(box for box in lab.nodes if box.tier == "staging")
    assert items(staging, port)["version"] == "1.0.0", "another tier's pin moved this one"

    workspace.fleet.ok("deploy", "--back")
    workspace.fleet.ok("run", production.name)
    assert items(production, port)["version"] == "1.0.0"


@pytest.mark.deploys
@pytest.mark.usefixtures("trial_ended")
def test_a_failed_run_names_each_resource_with_its_place_and_a_version_that_nobody_published(
    workspace: Workspace, staging: Box
) -> None:
    before = starts(connect(staging), "inventory")
    workspace.branch("failing")
    path = "site/role/manifests/app.pp"
    text = workspace.read(path)
    workspace.write(path, text.rstrip().removesuffix("}") + "  file { '/nowhere/at/all': ensure => file }\n}\n")
    pin(workspace, "staging", "inventory", "9.9.9-1")
    workspace.fleet.ok("deploy", "failing")
    result = workspace.fleet("run", staging.name, "--environment", "failing")
    assert result.returncode == 1
    assert staging.name in result.stdout
    assert "File[/nowhere/at/all] failed" in result.stdout
    assert "app.pp:" in result.stdout
    assert "inventory 9.9.9-1 is in no apt repository" in result.stdout
    assert "flask_microservice::versions" in result.stdout
    assert "Traceback" not in result.stderr
    assert starts(connect(staging), "inventory") == before
    assert items(staging, ports(workspace)["inventory"])["version"] == "1.0.0", "the old one does not serve"


@pytest.mark.drill
@pytest.mark.deploys
@pytest.mark.usefixtures("trial_ended")
def test_port_declared_twice(workspace: Workspace, staging: Box) -> None:
    """The catalog fails, and nothing is touched."""
    workspace.branch("twice")
    port = ports(workspace)["orders"]
    path = "hieradata/services/inventory.yaml"
    workspace.commit(path, changed_yaml(workspace, path, lambda data: data[SERVICES]["inventory"].update(port=port)))
    workspace.fleet.ok("deploy", "twice")
    result = workspace.fleet("run", staging.name, "--environment", "twice")
    assert result.returncode == 1
    assert all(word in result.stdout for word in ("orders", "inventory", str(port))), result.stdout
    assert items(staging, ports(Workspace(workspace.directory))["orders"])


@pytest.fixture
def disabled_agent(staging: Box) -> Iterator[None]:
    """Somebody works on the staging node, and has kept the agent away."""
    node = connect(staging)
    node.check_output('puppet agent --disable "what\'s in the way"')
    yield
    node.check_output("puppet agent --enable")


@pytest.mark.usefixtures("disabled_agent")
def test_a_disabled_agent_says_why_and_how_to_enable_it(fleet: Fleet, staging: Box) -> None:
    result = fleet("run", staging.name)
    assert result.returncode == 1
    assert f"the agent is disabled on {staging.name}: what's in the way\n" in result.stdout
    assert "to enable it there: puppet agent --enable" in result.stdout


@pytest.mark.deploys
def test_r10k_says_which_module_it_could_not_get(workspace: Workspace) -> None:
    workspace.branch("nomodule")
    workspace.commit("Puppetfile", workspace.read("Puppetfile") + "\nmod 'nobody/nothing', '1.2.3'\n")
    result = workspace.fleet("deploy", "nomodule")
    assert result.returncode == 1
    assert "nothing" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("server_unreachable")
def test_a_run_without_the_puppet_server_says_so_and_services_stay(
    fleet: Fleet, staging: Box, workspace: Workspace
) -> None:
    result = fleet("run", staging.name)
    assert result.returncode == 1
    assert staging.name in result.stdout
    assert "8140" in result.stdout
    assert items(staging, ports(workspace)["orders"])["upstreams"]


def test_a_service_without_its_upstream_names_it(staging: Box, workspace: Workspace) -> None:
    node = connect(staging)
    node.check_output("systemctl stop inventory.socket inventory.service")
    try:
        answer = requests.get(f"http://{staging.address}:{ports(workspace)['orders']}/api/v1/items", timeout=10)
        assert answer.status_code == 502
        assert "inventory" in answer.text
    finally:
        node.check_output("systemctl start inventory.socket inventory.service")


def test_what_is_no_package_is_not_published(fleet: Fleet, tmp_path: Path) -> None:
    for content in (b"", b"!<arch>\nnot a package"):
        bad = tmp_path / "bad_1.0-1_amd64.deb"
        bad.write_bytes(content)
        result = fleet("publish", str(bad))
        assert result.returncode == 1
        assert "bad_1.0-1_amd64.deb: not a Debian package" in result.stderr


def test_publishing_the_same_file_again_changes_nothing(fleet: Fleet, inventory_2: Path) -> None:
    fleet.ok("publish", str(inventory_2))


def test_a_version_cannot_be_published_with_other_content(fleet: Fleet, inventory_2: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    subprocess.run(["dpkg-deb", "-R", str(inventory_2), str(unpacked)], check=True)
    (unpacked / "usr/share/inventory/other").write_text("other\n")
    other = tmp_path / inventory_2.name
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(unpacked), str(other)], check=True,
                   capture_output=True)  # fmt: skip
    result = fleet("publish", str(other))
    assert result.returncode == 1
    assert f"{NEWER}-1" in result.stderr


def test_nodes_refuse_a_repository_that_the_key_did_not_sign(staging: Box) -> None:
    node = connect(staging)
    node.check_output(
        "cp -a /etc/apt/keyrings/fleet.asc /root/fleet.asc"
        " && cp /usr/share/keyrings/debian-archive-keyring.gpg /etc/apt/keyrings/fleet.asc"
    )
    try:
        command = (
            "apt-get update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/fleet.sources -o Dir::Etc::sourceparts=-"
            " -o APT::Update::Error-Mode=any -o Dir::State::lists=/run/apt-probe"
        )
        node.check_output("mkdir -p /run/apt-probe/partial")
        assert node.run(command).rc != 0
    finally:
        node.check_output("mv /root/fleet.asc /etc/apt/keyrings/fleet.asc; rm -rf /run/apt-probe")
    node.check_output("mkdir -p /run/apt-probe/partial")
    assert node.run(command).rc == 0
    node.check_output("rm -rf /run/apt-probe")
