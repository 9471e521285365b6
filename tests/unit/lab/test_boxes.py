"""How ssh reaches the boxes, and what is left of them."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.lab.boxes import NOT_SHARED, Boxes
from fleet_cli.machine import paths, process
from fleet_cli.repository import labfile

LAB = """\
domain: fleet.test
network: 10.77.0.0/24
boxes:
  - {name: puppet, role: puppetserver, tier: production, address: 10.77.0.10}
  - {name: app1, role: app, tier: production, address: 10.77.0.31}
services: []
"""
OF_VAGRANT = "Host {name}\n  HostName {address}\n  User vagrant\n\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boxes:
    """The boxes of a lab that stands, with its files in a directory of the test's own."""
    (tmp_path / "lab.yaml").write_text(LAB, encoding="utf-8")
    lab = labfile.load(tmp_path / "lab.yaml")
    said = "".join(OF_VAGRANT.format(name=box.name, address=box.address) for box in lab.boxes)
    for name, file in (("SSH_CONFIG", "config"), ("SSH_KEY", "ssh/key"), ("LAB_FLEET", "fleet"), ("LXC", "lxc")):
        monkeypatch.setattr(paths, name, tmp_path / file)
    monkeypatch.setattr(paths, "VAGRANT_DOTFILES", tmp_path / "vagrant")
    monkeypatch.setattr(Boxes, "running", lambda *_: True)
    monkeypatch.setattr(Boxes, "_vagrant", lambda *_, **__: process.Result([], 0, said, ""))
    return Boxes(lab)


def control_path(config: Path, name: str) -> str:
    """The socket of the connection that ssh shares for a host; empty if it shares none."""
    said = subprocess.run(["ssh", "-G", "-F", config, name], capture_output=True, text=True, check=True).stdout
    settings = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    return settings.get("controlpath", "") if settings["controlmaster"] == "auto" else ""


def test_commands_share_a_connection_to_a_box_whatever_it_is_called(made: Boxes, tmp_path: Path) -> None:
    made._write_ssh_config()
    shared = {control_path(paths.SSH_CONFIG, name) for name in ("app1", "app1.fleet.test")}
    assert shared == {f"{tmp_path}/ssh/10.77.0.31.sock"}
    assert control_path(paths.SSH_CONFIG, "puppet") not in shared


def test_who_counts_connections_can_have_one_for_each_command(made: Boxes, tmp_path: Path) -> None:
    made._write_ssh_config()
    own = tmp_path / "own"
    own.write_text(NOT_SHARED + paths.SSH_CONFIG.read_text(encoding="utf-8"), encoding="utf-8")
    assert control_path(own, "app1") in ("", "none")


def test_no_connection_is_left_when_the_boxes_are_gone(
    made: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh/10.77.0.31.sock").touch()
    asked: list[list[str]] = []
    monkeypatch.setattr(process, "run", lambda argv, **_: asked.append(argv))
    made.down()
    assert [argv[0:1] + argv[-3:] for argv in asked] == [["ssh", "-O", "exit", "10.77.0.31"]]
    assert list((tmp_path / "ssh").iterdir()) == []
