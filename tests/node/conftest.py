"""The boxes, and what Puppet has declared for them: every test here is about what is true on a running node."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import LAB, REPO, Deployed, connect
from fleet_cli import agents, host, paths, puppetdb, ssh
from fleet_cli.labfile import Box, Lab
from testinfra.host import Host
from workspace import Fleet, Workspace

_no_boxes = host.why_no_containers()
_declared = {} if _no_boxes or not paths.SSH_CONFIG.exists() else puppetdb.declared_services(LAB)
DEPLOYED = [Deployed(box, service) for box in LAB.boxes for service in _declared.get(box.certname, [])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if _no_boxes:
        reason = pytest.mark.skip(reason=f"system containers can't run on this machine: {_no_boxes}")
        for item in items:
            item.add_marker(reason)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        metafunc.parametrize("service", DEPLOYED, ids=[f"{one.name}-on-{one.box.name}" for one in DEPLOYED])
    if "box" in metafunc.fixturenames:
        boxes = [LAB.server, *LAB.nodes]
        metafunc.parametrize("box", boxes, ids=[box.name for box in boxes])


@pytest.fixture(scope="session")
def lab() -> Lab:
    return LAB


@pytest.fixture(scope="session")
def repo() -> Path:
    """This checkout."""
    return REPO


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture(scope="session")
def server(lab: Lab) -> Host:
    return connect(lab.server)


@pytest.fixture(scope="session")
def staging(lab: Lab) -> Box:
    return next(box for box in lab.nodes if box.tier == "staging")


@pytest.fixture(scope="session")
def looked_up(lab: Lab) -> dict[str, dict[str, Any]]:
    """What `puppet lookup` on the server resolves for each node as its services, by box name."""
    result = {}
    for box in lab.nodes:
        answer = ssh.run(
            lab.server,
            ["puppet", "lookup", "flask_microservice::services", "--node", box.certname, "--environment", "production",
             "--render-as", "json"],
        )  # fmt: skip
        result[box.name] = json.loads(answer.stdout)
    return result


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A clone of what is checked out here."""
    subprocess.run(["git", "clone", "-q", str(REPO), str(tmp_path / "control")], check=True)
    return Workspace(tmp_path / "control")


@pytest.fixture
def production_restored(fleet: Fleet) -> Iterator[None]:
    """Whatever a test deploys to production: afterwards the nodes are as this checkout declares."""
    yield
    fleet.ok("deploy")
    fleet.ok("run")


@pytest.fixture(scope="session")
def second_run(lab: Lab) -> dict[str, agents.AgentRun]:
    """A further agent run on every box that has one, the Puppet server too, by box name."""
    return {run.node: run for run in agents.run([lab.server, *lab.nodes])}
