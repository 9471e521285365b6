"""What several unit tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_microservice import health
from fleet_cli.roots import base
from fleet_cli.sandbox import images
from operators_machine import Machine
from program_node import Node, Systemd


@pytest.fixture(autouse=True)
def no_root_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here needs root: a test that does is noticed, whoever runs it."""
    reason = "a test that needs root or a root file system belongs in tests/system"
    monkeypatch.setattr(base, "ensure", lambda: pytest.fail(reason))
    monkeypatch.setattr(images, "ensure", lambda _layer: pytest.fail(reason))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node with no service."""
    return Node(tmp_path, monkeypatch)


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """A systemd under which nothing runs, and whose services answer that they are ready."""
    monkeypatch.setattr(health, "answer", lambda *_: (200, "ready"))
    return Systemd(monkeypatch)


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine on which people work with rights."""
    machine = Machine(tmp_path, monkeypatch)
    yield machine
    machine.close()
