"""The boxes, and what Puppet has declared for them: every test here is about what is true on a running node."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from deployed import FLEET, LAB, REPO, TO_LEAVE, Deployed, connect, fleet_environment
from fleet_cli.fleet import agents, deploying, puppetdb
from fleet_cli.lab import laboratory, nodes, ssh
from fleet_cli.machine import host, paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import placement
from fleet_cli.repository.labfile import Box, Lab
from standalone import Standalone, standalone
from testinfra.host import Host
from workspace import Fleet, Workspace

_no_boxes = host.why_no_containers()


def _declared() -> dict[str, list[dict[str, Any]]]:
    """What the boxes run; nothing where no lab answers, so that tests can be listed there."""
    if _no_boxes or not paths.SSH_CONFIG.exists():
        return {}
    try:
        return puppetdb.declared_services(FLEET)
    except FleetError:
        return {}


_services = _declared()
DEPLOYED = [Deployed(box, service) for box in LAB.boxes for service in _services.get(box.certname, [])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = f"system containers can't run on this machine: {_no_boxes}"
    for item in items:
        if _no_boxes:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif not TO_LEAVE and item.get_closest_marker("deploys"):
            item.add_marker(pytest.mark.skip(reason="it deploys, which `fleet test node --deploy` allows"))


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
    """What `look_up` returns of each node that runs services, by box name."""
    apps = [box for box in lab.nodes if box.role == "app"]
    with ThreadPoolExecutor() as pool:
        return dict(zip([box.name for box in apps], pool.map(partial(look_up, lab), apps), strict=True))


def look_up(lab: Lab, box: Box) -> dict[str, Any]:
    """Return what `puppet lookup` on the server resolves for a node as the services that are placed on it."""
    declared = _lookup(lab, box, "flask_microservice::services")
    groups: dict[str, list[str]] = {}
    if any("nodes" in entry for entry in declared.values()):
        found = _lookup(lab, box, "flask_microservice::groups", "--default", "none")
        groups = found if isinstance(found, dict) else {}
    return {
        name: entry
        for name, entry in declared.items()
        if "nodes" not in entry or placement.runs(entry["nodes"], groups, box.certname)
    }


def _lookup(lab: Lab, box: Box, key: str, *options: str) -> Any:
    command = ["puppet", "lookup", key, "--node", box.certname, "--environment", fleet_environment()]
    return json.loads(ssh.run(lab.server, [*command, "--render-as", "json", *options]).stdout)


@pytest.fixture(scope="session")
def bare(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """The bare box with the module; afterwards it is bare again."""
    with standalone(lab, tmp_path_factory.mktemp("standalone")) as machine:
        yield machine


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A clone of this checkout."""
    return Workspace.clone(tmp_path / "control")


@pytest.fixture
def production_restored(lab: Lab, tmp_path: Path) -> Iterator[None]:
    """Whatever a test deploys to production: afterwards what was deployed before is so again, on all nodes."""
    with restored(lab, tmp_path / "before"):
        yield


@contextmanager
def restored(lab: Lab, directory: Path) -> Iterator[None]:
    """Whatever is deployed to production meanwhile: afterwards what was before is so again, on all nodes.

    Args:
        directory: one that is not there yet, for a clone of what was deployed before.
    """
    deployed = laboratory.deployed_from(lab)
    before = Workspace.clone(directory)
    try:
        yield
    finally:
        before.fleet.ok("deploy")
        assert laboratory.deployed_from(lab) == deployed
        commit = deploying.deployed(FLEET)
        if behind := [box.name for box in (lab.server, *lab.nodes) if not nodes.converged(box, commit)]:
            before.fleet.ok("run", *behind)


@pytest.fixture
def server_unreachable(staging: Box) -> Iterator[None]:
    """The Puppet server refuses connections of the staging node, as one that is not running does."""
    node = connect(staging)
    node.check_output(
        "nft add table inet blocked && nft add chain inet blocked out '{ type filter hook output priority 0; }'"
        " && nft add rule inet blocked out tcp dport 8140 reject with tcp reset"
    )
    yield
    node.check_output("nft delete table inet blocked")


@pytest.fixture(scope="session")
def second_run(lab: Lab) -> dict[str, agents.AgentRun]:
    """A further agent run on every box that has one, the Puppet server too, by box name."""
    return {run.node: run for run in agents.run(FLEET, [lab.server, *lab.nodes])}
