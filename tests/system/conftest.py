"""What several system tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from operators_machine import Machine


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine on which people work with rights."""
    machine = Machine(tmp_path, monkeypatch)
    yield machine
    machine.close()
