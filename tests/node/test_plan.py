"""What a plan says is what the next agent run does, resource for resource, and what the server's own catalogs say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from deployed import FLEET, connect, latest_report
from fleet_cli.fleet import puppetdb
from fleet_cli.repository.labfile import Box
from releases import Node
from waiting import wait_for
from workspace import Fleet, Workspace

pytestmark = pytest.mark.deploys

ENVIRONMENT = "planned"


def plan(fleet: Fleet, *arguments: str) -> list[dict[str, Any]]:
    """The items of a plan; every group of them is on the staging node only."""
    result = fleet("plan", "--json", *arguments)
    assert result.returncode == 2, result.stderr
    found = json.loads(result.stdout)
    assert found["changed_nodes"] == ["staging1.fleet.test"]
    return [item for group in found["groups"] for item in group["items"]]


def newest(box: Box) -> str | None:
    """Which report of a node is its newest one in PuppetDB."""
    report = latest_report(box)
    return report["hash"] if report else None


def done(box: Box, before: str | None) -> set[str]:
    """The resources that a node's run changed, from its report: the one that PuppetDB gets after the one `before`."""
    wait_for(lambda: newest(box) != before, f"PuppetDB has the report of {box.certname}")
    pql = (
        "events[resource_type, resource_title] "
        f'{{ certname = "{box.certname}" and latest_report? = true and status = "success" }}'
    )
    return {f"{row['resource_type']}[{row['resource_title']}]" for row in puppetdb.query(FLEET, pql)}


def resources(items: list[dict[str, Any]]) -> set[str]:
    """What a run is to change: a file made of fragments is applied as a file, a new release by its own resource."""
    changed = {item["reference"].replace("Concat_file[", "File[") for item in items if item["kind"] == "resource"}
    releases = {item["subject"] for item in items if item["kind"] == "effect" and "release" in item["what"]}
    return changed | {f"Flask_microservice_release[{name}]" for name in releases}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet, staging: Box) -> Iterator[Workspace]:
    """A branch with another config of a service and one more rule of the firewall, in the tier staging, deployed."""
    workspace = Workspace.clone(tmp_path_factory.mktemp("planned") / "control")
    workspace.branch(ENVIRONMENT)
    orders = "flask_microservice::services:\n  orders: {config: {log: {level: debug}}}\n"
    rules = "profile::firewall::rules:\n  exporter: {port: 9100, clients: [10.77.0.1]}\n"
    path = "hieradata/tiers/staging.yaml"
    workspace.commit(path, workspace.read(path) + orders + rules)
    workspace.fleet.ok("deploy", ENVIRONMENT)
    yield workspace
    fleet.ok("run", staging.name, "--end-trial")


@pytest.fixture(scope="module")
def items(control: Workspace) -> list[dict[str, Any]]:
    """What the plan says of it."""
    return plan(control.fleet, "HEAD~1", "HEAD")


def test_the_catalogs_of_the_server_differ_as_the_plan_says(control: Workspace, items: list[dict[str, Any]]) -> None:
    # The server compiles each catalog anew: a node of each tier will do.
    nodes = ["--nodes", "staging1", "--nodes", "app1"]
    theirs = plan(control.fleet, "--server", "production", ENVIRONMENT, *nodes)
    assert resources(theirs) == resources(items)


def test_the_next_run_does_what_the_plan_says_and_a_change_of_config_is_one_switch_and_no_more(
    control: Workspace, items: list[dict[str, Any]], staging: Box
) -> None:
    orders, other = Node(staging, "orders"), Node(staging, "inventory")
    serving, other_start, count = orders.release, start(other), start_count(orders)
    restarts = {f"Service[{item['subject']}]" for item in items if item.get("what") in ("restart", "reload")}
    assert restarts == {"Service[nftables]"}
    before = newest(staging)
    (run,) = control.fleet.agent(staging.name, "--environment", ENVIRONMENT)
    assert (run["outcome"], run["failed"]) == ("changed", [])
    assert resources(items) | restarts == done(staging, before) | set(run["restarted"])
    assert [switch.partition(":")[0] for switch in run["switched"]] == ["orders"], run
    assert orders.release != serving
    assert "level = debug" in connect(staging).file("/etc/orders/default_config.ini").content_string
    assert start_count(orders) == count + 1
    assert start(other) == other_start, "a service whose config did not change was restarted"
    (second,) = control.fleet.agent(staging.name)
    assert (second["outcome"], second["changed"]) == ("unchanged", [])
    assert start_count(orders) == count + 1


def start(node: Node) -> str:
    """What identifies the running instance: it differs after a restart."""
    return node.shell(f"systemctl show -P InvocationID {node.service}@{node.release}.service")


def start_count(node: Node) -> int:
    """How many instances were started on the port in this boot."""
    command = f"journalctl --no-pager -q -b -o cat -u '{node.service}@*.service' _PID=1 | grep -c ^Started"
    return int(connect(node.box).run(command).stdout.strip() or 0)
