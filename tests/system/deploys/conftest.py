"""What tests of deploys start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_cli.roots import forge

from .server import Server


@pytest.fixture(scope="session")
def forge_url() -> Iterator[str]:
    with forge.serving() as url:
        yield url


@pytest.fixture
def server(tmp_path: Path, forge_url: str) -> Server:
    """A server with nothing deployed."""
    return Server(tmp_path / "server", forge_url)


@pytest.fixture(scope="session")
def first_deploy(tmp_path_factory: pytest.TempPathFactory, forge_url: str) -> Server:
    server = Server(tmp_path_factory.mktemp("first") / "server", forge_url)
    server.ok("production")
    return server


@pytest.fixture
def deployed(first_deploy: Server, tmp_path: Path) -> Server:
    """A server with a first deploy."""
    return first_deploy.copied_to(tmp_path / "server")
