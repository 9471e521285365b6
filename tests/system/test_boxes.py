"""Vagrant, wherever the control repository lies."""

import shutil
from pathlib import Path

import pytest
from fleet_cli.lab import boxes, cgroups
from fleet_cli.machine import paths
from fleet_cli.repository import labfile

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def lab_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> boxes.Boxes:
    """The boxes of this repository, with all that Vagrant keeps in a directory of the test."""
    for name in ("VAGRANT_HOME", "VAGRANT_DOTFILES"):
        monkeypatch.setattr(paths, name, tmp_path / name)
    monkeypatch.setattr(cgroups, "enter", lambda argv, _directory: argv)
    return boxes.Boxes(labfile.load(REPO / "lab.yaml"))


@pytest.mark.skipif(shutil.which("vagrant") is None, reason="vagrant, which `fleet lab up` installs, is not installed")
def test_vagrant_works_on_a_path_with_an_umlaut_in_a_locale_that_has_none(
    lab_boxes: boxes.Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "Büro Süd"
    clone.mkdir()
    for name in ("Vagrantfile", "lab.yaml"):
        shutil.copy(REPO / name, clone)
    monkeypatch.setattr(paths, "control_repo", lambda: clone)
    monkeypatch.setenv("LC_ALL", "C")
    assert "not created (lxc)" in lab_boxes._vagrant("status").stdout
