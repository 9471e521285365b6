"""The lab's own commands, on a lab that stands."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from deployed import FLEET, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import cgroups
from fleet_cli.lab.boxes import Boxes
from fleet_cli.machine import paths, process
from fleet_cli.repository.labfile import Box, Lab
from workspace import Fleet, Workspace


def test_status_is_what_a_machine_can_read(fleet: Fleet, lab: Lab) -> None:
    boxes = json.loads(fleet.ok("lab", "status", "--json"))
    assert [box["box"] for box in boxes] == [box.name for box in lab.boxes]
    for box in boxes:
        assert {"box", "role", "tier", "address", "services"} <= set(box)
        for service in box["services"]:
            assert set(service) == {"name", "version", "url", "ready"}
            assert service["ready"] is True


def test_lab_ssh_passes_command_and_status_on(fleet: Fleet, staging: Box) -> None:
    assert fleet.ok("lab", "ssh", staging.name, "--", "hostname", "-f").strip() == staging.certname
    assert fleet("lab", "ssh", staging.name, "--", "test", "-e", "/nowhere").returncode == 1
    unknown = fleet("lab", "ssh", "nobody")
    assert unknown.returncode == 1
    assert "app1" in unknown.stderr


@pytest.mark.deploys
def test_a_second_lab_up_finds_everything_in_place(workspace: Workspace) -> None:
    result = workspace.fleet("lab", "up")
    assert result.returncode == 0, result.stderr
    for work in ("vagrant up", "bootstrap", "building", "publishing", "deploy of", "enrolment", "puppet agent on"):
        assert work not in result.stderr


@pytest.fixture
def stopped(lab: Lab, workspace: Workspace) -> Iterator[tuple[Box, Path]]:
    """The last box that runs services, stopped as by a reboot of this machine, and its container's configuration."""
    box = [box for box in lab.nodes if box.role == "app"][-1]
    container = paths.CONTAINER_PREFIX + box.name
    process.run(cgroups.enter(["lxc-stop", "--name", container]))
    config = paths.LXC / container / "config"
    before = config.read_text(encoding="utf-8")
    yield box, config
    config.write_text(before, encoding="utf-8")
    workspace.fleet.ok("lab", "up")


@pytest.mark.drill
@pytest.mark.deploys
def test_box_that_does_not_boot(stopped: tuple[Box, Path], workspace: Workspace, lab: Lab) -> None:
    """It is named, and comes back with its services."""
    box, config = stopped
    fleet, text = workspace.fleet, config.read_text(encoding="utf-8")
    shown = next(entry for entry in json.loads(fleet.ok("lab", "status", "--json")) if entry["box"] == box.name)
    assert shown["services"] == [], "a box that is down has no service that answers"

    config.write_text(text + "lxc.mount.entry = /nowhere/at/all mnt none bind 0 0\n", encoding="utf-8")
    result = fleet("lab", "up", box.name)
    assert result.returncode == 1
    assert f"box {box.name} did not boot" in result.stderr
    assert "Traceback" not in result.stderr
    assert Boxes(lab).running(lab.server), "the other boxes must not suffer"

    config.write_text(text, encoding="utf-8")
    fleet.ok("lab", "up", box.name)
    services = puppetdb.declared_services(FLEET)[box.certname]
    assert services
    for service in services:
        answer = requests.get(f"http://{box.address}:{service['port']}/health/ready", timeout=10)
        assert answer.status_code == 200, service["name"]
    assert connect(box).check_output("systemctl --failed --no-legend --plain") == ""


def test_a_command_on_a_box_may_be_a_pipe(fleet: Fleet, staging: Box) -> None:
    assert fleet.ok("lab", "ssh", staging.name, "--", "id -un; pwd; echo a | tr a b") == "root\n/root\nb\n"
    assert fleet("lab", "ssh", staging.name, "--", "exit 7").returncode == 7
