"""The lab's own commands, on a lab that stands."""

import json

from fleet_cli.labfile import Box, Lab
from workspace import Fleet


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
    assert fleet("lab", "ssh", staging.name, "--", "sh", "-c", "exit 7").returncode == 7
    unknown = fleet("lab", "ssh", "nobody")
    assert unknown.returncode == 1
    assert "app1" in unknown.stderr


def test_a_second_lab_up_finds_everything_in_place(fleet: Fleet) -> None:
    result = fleet("lab", "up")
    assert result.returncode == 0, result.stderr
    for work in ("vagrant up", "bootstrap", "building", "publishing", "r10k deploy", "enrolment", "puppet agent on"):
        assert work not in result.stderr
