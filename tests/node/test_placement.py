"""A service runs on the nodes that it is placed on, and nowhere else; clients notice nothing when it moves."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
import requests
import yaml
from conftest import look_up, restored
from deployed import FLEET, LAB, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import ca
from fleet_cli.repository.labfile import Box
from fleet_cli.services import templates
from load import CLIENTS, Load, Trust
from waiting import wait_for
from workspace import Fleet, Workspace

MOVES, ASKED = "orders", "inventory"
"""The one asks the other, and has its data on a server; nobody asks it."""
VERSION = "7.0.0"
APP1, APP2 = [box for box in LAB.nodes if (box.role, box.tier) == ("app", "production")][:2]
BALANCER = next(box for box in LAB.nodes if (box.role, box.tier) == ("load_balancer", "production"))
NAMES = [APP1.name, APP2.name, BALANCER.name]

pytestmark = pytest.mark.deploys


@pytest.fixture(scope="module")
def newer(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another version of the service that moves, published; in the words of a pin."""
    directory = tmp_path_factory.mktemp("newer")
    source = templates.render(MOVES, directory, version=VERSION, upstream=ASKED)
    built = json.loads(fleet.ok("build", str(source), "--output", str(directory), "--json"))
    fleet.ok("publish", built[0]["path"])
    return f"{VERSION}-1"


def changed(workspace: Workspace, path: str, key: str, value: dict[str, Any]) -> None:
    """Add to a key of a Hiera file."""
    data = yaml.safe_load(workspace.read(path)) or {}
    data[key] = {**data.get(key, {}), **value}
    workspace.write(path, yaml.safe_dump(data))


def place(workspace: Workspace, placed: Mapping[str, Sequence[Box]], pins: Mapping[str, str] | None = None) -> None:
    """Deploy that services run on these nodes of production, and at which versions; each has a group of its own."""
    services = "flask_microservice::services"
    for service in placed:
        path = f"hieradata/services/{service}.yaml"
        declared = yaml.safe_load(workspace.read(path))[services][service]
        changed(workspace, path, services, {service: {**declared, "nodes": [f"{service}-nodes"]}})
    production = {f"{service}-nodes": [box.certname for box in boxes] for service, boxes in placed.items()}
    everywhere = {group: ["*"] for group in production}
    for tier, groups in {"staging": everywhere, "production": production}.items():
        changed(workspace, f"hieradata/tiers/{tier}.yaml", "flask_microservice::groups", groups)
    path = "hieradata/tiers/production.yaml"
    changed(workspace, path, "flask_microservice::versions", dict(pins or {}))
    workspace.commit(path, workspace.read(path))
    workspace.fleet.ok("deploy")


def load(clients: int = CLIENTS) -> Load:
    """Clients of the service that moves, at the balancer; half of them keep their connection."""
    (port,) = (one["port"] for one in puppetdb.balanced_services(FLEET)[BALANCER.certname] if one["name"] == MOVES)
    trust = Trust(ca.context(LAB), BALANCER.certname)
    return Load(f"https://{BALANCER.address}:{port}/api/v1/items", keep_alive=None, trust=trust, clients=clients)


def members() -> set[str]:
    """The nodes that HAProxy sends requests for the service that moves to."""
    config = connect(BALANCER).file("/etc/haproxy/haproxy.cfg").content_string
    backend = config.partition(f"\nbackend {MOVES}\n")[2].partition("\n\n")[0]
    return {line.split()[1] for line in backend.splitlines() if line.strip().startswith("server ")}


def runs_on(box: Box) -> bool:
    return bool(connect(box).package(MOVES).is_installed)


def catalog(box: Box) -> dict[str, dict[str, Any]]:
    """What the newest catalog of a node declares of the module's services, by name."""
    return {service["name"]: service for service in puppetdb.declared_services(FLEET)[box.certname]}


def logged(box: Box, service: str, trace: str) -> bool:
    """Whether the log of a service has a trace."""
    return trace in connect(box).file(f"/var/log/{service}/{service}.log").content_string


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Of production the first node alone has the service that moves, the second one alone what it asks."""
    directory = tmp_path_factory.mktemp("placed")
    with restored(LAB, directory / "before"):
        workspace = Workspace.clone(directory / "control")
        place(workspace, {MOVES: [APP1], ASKED: [APP2]})
        workspace.fleet.ok("run", *NAMES)
        yield workspace


@pytest.mark.usefixtures("apart")
def test_an_upstream_that_is_placed_on_another_node_is_asked_there_and_has_left_nothing_here(staging: Box) -> None:
    # What one request did is in the logs of both services, by its trace.
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    url = f"http://{APP1.address}:{catalog(APP1)[MOVES]['port']}/api/v1/items"
    answer = requests.get(url, headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["upstreams"][ASKED]["items"]
    wait_for(partial(logged, APP1, MOVES, trace), f"the trace in the log of {MOVES}")
    wait_for(partial(logged, APP2, ASKED, trace), f"the trace in the log of {ASKED} on the other node")

    # It is asked over TLS by the balancer's name, where it is not; on its own node directly.
    port = catalog(APP2)[ASKED]["port"]
    assert catalog(APP1)[MOVES]["config"]["upstreams"][ASKED] == f"https://{BALANCER.certname}:{port}"
    assert catalog(staging)[MOVES]["config"]["upstreams"][ASKED].startswith("http://127.0.0.1:")

    node = connect(APP1)
    assert not node.package(ASKED).is_installed
    assert not node.file(f"/etc/{ASKED}/default_config.ini").exists
    assert node.run(f"systemctl list-unit-files --no-legend '{ASKED}*' | grep .").rc == 1
    assert node.run(f"ss -Hltn sport = :{port} | grep .").rc == 1
    assert f"dport {port} " not in node.check_output("nft list table inet fleet")
    assert [one["name"] for one in json.loads(node.check_output("flask-microservice status --json"))] == [MOVES]

    # The tests of what is declared know where it is.
    assert set(look_up(LAB, APP1)) == {MOVES}
    assert set(look_up(LAB, staging)) == {MOVES, ASKED}


def test_no_request_is_lost_by_runs_that_know_no_order(apart: Workspace) -> None:
    """Timers start runs when they like. The old node keeps the service, unchanged, and says what it waits for."""
    with load(clients=4) as sent:
        place(apart, {MOVES: [APP2], ASKED: [APP2]})
        (early,) = apart.fleet.agent(APP1.name)
        assert (early["outcome"], list(early["staying"])) == ("unchanged", [MOVES]), early
        # What was removed before is in the catalog no more, nor anything else of it.
        left = f'resources[type, title] {{ certname = "{APP1.certname}" and title ~ "{ASKED}" }}'
        assert puppetdb.query(FLEET, left) == []
        apart.fleet.ok("run", BALANCER.name)
        apart.fleet.ok("run", APP2.name)
        (waiting,) = apart.fleet.agent(APP1.name)
        assert BALANCER.certname in waiting["staying"][MOVES]
        sent.more(100)
        apart.fleet.ok("run", BALANCER.name)
        (last,) = apart.fleet.agent(APP1.name)
        assert last["staying"] == {}
        sent.more(100)
    print(f"{MOVES} from {APP1.name} to {APP2.name} by single runs: {sent}")
    assert sent.lost == []
    assert (runs_on(APP1), runs_on(APP2)) == (False, True)
    assert APP2.certname in members()


@pytest.mark.drill
@pytest.mark.usefixtures("production_restored")
def test_moving_there_and_back(workspace: Workspace) -> None:
    place(workspace, {MOVES: [APP1]})
    workspace.fleet.ok("run", *NAMES)
    assert members() == {APP1.certname}
    with load() as sent:
        for old, new in ((APP1, APP2), (APP2, APP1)):
            sent.more(100)
            place(workspace, {MOVES: [new]})
            workspace.fleet.ok("run", *NAMES)
            assert (runs_on(old), runs_on(new), members()) == (False, True, {new.certname})
            sent.more(100)
    print(f"{MOVES} from {APP1.name} to {APP2.name} and back: {sent}")
    assert sent.lost == []


@pytest.mark.drill
@pytest.mark.usefixtures("production_restored")
def test_moving_with_an_upgrade(workspace: Workspace, newer: str) -> None:
    place(workspace, {MOVES: [APP1]})
    workspace.fleet.ok("run", *NAMES)
    with load() as sent:
        sent.more(100)
        place(workspace, {MOVES: [APP2]}, {MOVES: newer})
        workspace.fleet.ok("run", *NAMES)
        sent.more(100)
    print(f"{MOVES} from {APP1.name} to {APP2.name} at {newer}: {sent}")
    assert sent.lost == []
    assert any(release.startswith(f"{newer}.") for release in sent.releases), "nobody was served by the new version"


@pytest.mark.drill
@pytest.mark.usefixtures("production_restored")
def test_moving_to_a_node_where_it_fails(workspace: Workspace) -> None:
    """It stays on the old one."""
    place(workspace, {MOVES: [APP1]})
    workspace.fleet.ok("run", *NAMES)
    with load() as sent:
        place(workspace, {MOVES: [APP2]}, {MOVES: "9.9.9-1"})  # which nobody has published
        assert workspace.fleet("run", *NAMES).returncode == 1
        sent.more(100)
    assert sent.lost == []
    assert runs_on(APP1)
