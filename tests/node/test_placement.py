"""A service that is placed on one node is there alone, and the others of its tier still have its answers."""

import json
import secrets
from functools import partial
from typing import Any

import pytest
import requests
import yaml
from deployed import FLEET, LAB, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.repository.labfile import Box
from waiting import wait_for
from workspace import Workspace

PLACED, ASKS = "inventory", "orders"
APP1, APP2 = [box for box in LAB.nodes if (box.role, box.tier) == ("app", "production")][:2]
BALANCER = next(box for box in LAB.nodes if (box.role, box.tier) == ("load_balancer", "production"))

KNOWS = f"catalog_has_all or config_says and {APP1.name} or data_of_its_upstreams and {APP1.name}"
"""Those of the tests of what is declared that a placement has to do with."""

pytestmark = [pytest.mark.deploys, pytest.mark.usefixtures("production_restored")]


def place(workspace: Workspace) -> None:
    """Deploy that the service runs on a group, which has the second node of production alone; and run the agents."""
    path = f"hieradata/services/{PLACED}.yaml"
    declared = yaml.safe_load(workspace.read(path))
    declared["flask_microservice::services"][PLACED]["nodes"] = ["stock"]
    for tier, nodes in {"staging": ["*"], "production": [APP2.certname]}.items():
        file = f"hieradata/tiers/{tier}.yaml"
        data = yaml.safe_load(workspace.read(file)) or {}
        data["flask_microservice::groups"] = {"stock": nodes}
        workspace.write(file, yaml.safe_dump(data))
    workspace.commit(path, yaml.safe_dump(declared))
    workspace.fleet.ok("deploy")
    workspace.fleet.ok("run", APP1.name, APP2.name, BALANCER.name)


def catalog(box: Box) -> dict[str, dict[str, Any]]:
    """What the newest catalog of a node declares of the module's services, by name."""
    return {service["name"]: service for service in puppetdb.declared_services(FLEET)[box.certname]}


def logged(box: Box, service: str, trace: str) -> bool:
    """Whether the log of a service has a trace."""
    return trace in connect(box).file(f"/var/log/{service}/{service}.log").content_string


def test_an_upstream_that_is_placed_on_another_node_is_asked_there_and_has_left_nothing_here(
    workspace: Workspace,
) -> None:
    port = catalog(APP1)[PLACED]["port"]
    place(workspace)

    # Both nodes answer with its data; what one request did is in the logs of both services, by its trace.
    asked = {}
    for box in (APP1, APP2):
        trace = asked[box.name] = secrets.token_hex(16)
        headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
        url = f"http://{box.address}:{catalog(box)[ASKS]['port']}/api/v1/items"
        answer = requests.get(url, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        assert answer.json()["upstreams"][PLACED]["items"]
    for box in (APP1, APP2):
        wait_for(partial(logged, box, ASKS, asked[box.name]), f"the trace in the log of {ASKS} on {box.name}")
        wait_for(partial(logged, APP2, PLACED, asked[box.name]), f"the trace of {box.name} in the log of {PLACED}")

    # It is asked over TLS by the balancer's name, where it is not; on its own node directly.
    assert catalog(APP1)[ASKS]["config"]["upstreams"][PLACED] == f"https://{BALANCER.certname}:{port}"
    assert catalog(APP2)[ASKS]["config"]["upstreams"][PLACED].startswith("http://127.0.0.1:")

    node = connect(APP1)
    assert not node.package(PLACED).is_installed
    assert not node.file(f"/etc/{PLACED}/default_config.ini").exists
    assert node.run(f"systemctl list-unit-files --no-legend '{PLACED}*' | grep .").rc == 1
    assert node.run(f"ss -Hltn sport = :{port} | grep .").rc == 1
    assert f"dport {port} " not in node.check_output("nft list ruleset")
    assert [one["name"] for one in json.loads(node.check_output("flask-microservice status --json"))] == [ASKS]

    # What was removed is not in the next catalog, nor anything else of it: the run has nothing to say of it.
    (run,) = workspace.fleet.agent(APP1.name)
    assert run["outcome"] == "unchanged"
    assert PLACED not in catalog(APP1)
    rows = puppetdb.query(FLEET, f'resources[type, title] {{ certname = "{APP1.certname}" and title ~ "{PLACED}" }}')
    assert rows == []

    # The tests of what is declared know where it is.
    workspace.fleet.ok("test", "node", "tests/node/test_declared.py", "-k", KNOWS, "-q")
