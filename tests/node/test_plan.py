"""What a plan says is what the next agent run does, resource for resource, and what the server's own catalogs say."""

import json
from typing import Any

import pytest
from deployed import FLEET, latest_report
from fleet_cli.fleet import puppetdb
from fleet_cli.repository.labfile import Box
from waiting import wait_for
from workspace import Fleet, Workspace


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


def change(workspace: Workspace) -> None:
    """Another config of a service and one more rule of the firewall, in the tier staging."""
    orders = "flask_microservice::services:\n  orders: {config: {log: {level: debug}}}\n"
    rules = "profile::firewall::rules:\n  exporter: {port: 9100, clients: [10.77.0.1]}\n"
    path = "hieradata/tiers/staging.yaml"
    workspace.commit(path, workspace.read(path) + orders + rules)


@pytest.mark.deploys
@pytest.mark.usefixtures("production_restored")
def test_the_next_run_does_what_the_plan_says(workspace: Workspace, staging: Box) -> None:
    fleet = workspace.fleet
    change(workspace)
    items = plan(fleet, "HEAD~1", "HEAD")
    restarts = {f"Service[{item['subject']}]" for item in items if item.get("what") in ("restart", "reload")}
    assert restarts == {"Service[nftables]"}
    fleet.ok("deploy")
    before = newest(staging)
    (run,) = fleet.agent(staging.name)
    assert run["outcome"] == "changed", run
    assert resources(items) | restarts == done(staging, before) | set(run["restarted"])
    assert [name for name in run["switched"] if name.startswith("orders: ")], run


@pytest.mark.deploys
def test_the_catalogs_of_the_server_differ_as_the_plan_says(workspace: Workspace) -> None:
    fleet = workspace.fleet
    change(workspace)
    ours = plan(fleet, "HEAD~1", "HEAD")
    workspace.branch("planned")
    fleet.ok("deploy", "planned")
    theirs = plan(fleet, "--server", "production", "planned")
    assert resources(theirs) == resources(ours)
