"""Clients of a service that moves from node to node notice nothing of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from deployed import FLEET, LAB, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import ca
from fleet_cli.repository.labfile import Box
from fleet_cli.services import templates
from load import CLIENTS, Load, Trust
from workspace import Fleet, Workspace

SERVICE = "orders"
"""No other service asks it, and its data is on a server."""
VERSION = "7.0.0"
APP1, APP2 = [box for box in LAB.nodes if (box.role, box.tier) == ("app", "production")][:2]
BALANCER = next(box for box in LAB.nodes if (box.role, box.tier) == ("load_balancer", "production"))
NAMES = [APP1.name, APP2.name, BALANCER.name]

pytestmark = [pytest.mark.deploys, pytest.mark.usefixtures("production_restored")]


@pytest.fixture(scope="module")
def newer(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another version of the service, published; in the words of a pin."""
    directory = tmp_path_factory.mktemp("newer")
    source = templates.render(SERVICE, directory, version=VERSION, upstream="inventory")
    built = json.loads(fleet.ok("build", str(source), "--output", str(directory), "--json"))
    fleet.ok("publish", built[0]["path"])
    return f"{VERSION}-1"


def changed(workspace: Workspace, path: str, key: str, value: dict[str, Any]) -> None:
    """Add to a key of a Hiera file."""
    data = yaml.safe_load(workspace.read(path)) or {}
    data[key] = {**data.get(key, {}), **value}
    workspace.write(path, yaml.safe_dump(data))


def place(workspace: Workspace, boxes: Sequence[Box], version: str = "") -> None:
    """Deploy that the service runs on these nodes of production, and at which version."""
    declared = f"hieradata/services/{SERVICE}.yaml"
    services = yaml.safe_load(workspace.read(declared))["flask_microservice::services"]
    placed = {SERVICE: {**services[SERVICE], "nodes": ["moving"]}}
    changed(workspace, declared, "flask_microservice::services", placed)
    groups = {"staging": ["*"], "production": [box.certname for box in boxes]}
    for tier, nodes in groups.items():
        changed(workspace, f"hieradata/tiers/{tier}.yaml", "flask_microservice::groups", {"moving": nodes})
    if version:
        pins = {SERVICE: version}
        changed(workspace, "hieradata/tiers/production.yaml", "flask_microservice::versions", pins)
    workspace.commit(declared, workspace.read(declared))
    workspace.fleet.ok("deploy")


def load(clients: int = CLIENTS) -> Load:
    """Clients of the service at the balancer; half of them keep their connection."""
    (port,) = (one["port"] for one in puppetdb.balanced_services(FLEET)[BALANCER.certname] if one["name"] == SERVICE)
    trust = Trust(ca.context(LAB), BALANCER.certname)
    return Load(f"https://{BALANCER.address}:{port}/api/v1/items", keep_alive=None, trust=trust, clients=clients)


def members() -> set[str]:
    """The nodes that HAProxy sends requests for the service to."""
    config = connect(BALANCER).file("/etc/haproxy/haproxy.cfg").content_string
    backend = config.partition(f"\nbackend {SERVICE}\n")[2].partition("\n\n")[0]
    return {line.split()[1] for line in backend.splitlines() if line.strip().startswith("server ")}


def runs_on(box: Box) -> bool:
    return bool(connect(box).package(SERVICE).is_installed)


@pytest.mark.drill
def test_moving_there_and_back(workspace: Workspace) -> None:
    place(workspace, [APP1])
    workspace.fleet.ok("run", *NAMES)
    assert members() == {APP1.certname}
    with load() as sent:
        for old, new in ((APP1, APP2), (APP2, APP1)):
            sent.more(100)
            place(workspace, [new])
            workspace.fleet.ok("run", *NAMES)
            assert (runs_on(old), runs_on(new), members()) == (False, True, {new.certname})
            sent.more(100)
    print(f"{SERVICE} from {APP1.name} to {APP2.name} and back: {sent}")
    assert sent.lost == []


@pytest.mark.drill
def test_moving_with_an_upgrade(workspace: Workspace, newer: str) -> None:
    place(workspace, [APP1])
    workspace.fleet.ok("run", *NAMES)
    with load() as sent:
        sent.more(100)
        place(workspace, [APP2], newer)
        workspace.fleet.ok("run", *NAMES)
        sent.more(100)
    print(f"{SERVICE} from {APP1.name} to {APP2.name} at {newer}: {sent}")
    assert sent.lost == []
    assert any(release.startswith(f"{newer}.") for release in sent.releases), "nobody was served by the new version"


def test_no_request_is_lost_by_runs_that_know_no_order(workspace: Workspace) -> None:
    """Timers start runs when they like. The old node keeps the service, unchanged, and says what it waits for."""
    place(workspace, [APP1])
    workspace.fleet.ok("run", *NAMES)
    with load(clients=4) as sent:
        place(workspace, [APP2])
        (early,) = workspace.fleet.agent(APP1.name)
        assert (early["outcome"], list(early["staying"])) == ("unchanged", [SERVICE]), early
        workspace.fleet.ok("run", BALANCER.name)
        workspace.fleet.ok("run", APP2.name)
        (waiting,) = workspace.fleet.agent(APP1.name)
        assert BALANCER.certname in waiting["staying"][SERVICE]
        sent.more(100)
        workspace.fleet.ok("run", BALANCER.name)
        (last,) = workspace.fleet.agent(APP1.name)
        assert last["staying"] == {}
        sent.more(100)
        workspace.fleet.ok("run", BALANCER.name)
    print(f"{SERVICE} from {APP1.name} to {APP2.name} by single runs: {sent}")
    assert sent.lost == []
    assert (runs_on(APP1), members()) == (False, {APP2.certname})


@pytest.mark.drill
def test_moving_to_a_node_where_it_fails(workspace: Workspace) -> None:
    """It stays on the old one."""
    place(workspace, [APP1])
    workspace.fleet.ok("run", *NAMES)
    with load() as sent:
        place(workspace, [APP2], "9.9.9-1")  # which nobody has published
        assert workspace.fleet("run", *NAMES).returncode == 1
        sent.more(100)
    assert sent.lost == []
    assert runs_on(APP1)
