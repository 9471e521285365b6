"""`fleet status` names each difference between git and what runs, with its likely cause; and what it can't know."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.fleet import asking
from fleet_machines import PRODUCTION, SCRIPTS, Machines, ago
from waiting import wait_for


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Three app nodes on which all is as declared."""
    found = Machines(tmp_path, monkeypatch)
    for number in (1, 2, 3):
        found.add(f"app{number}.example.org")
    return found


def app1(machines: Machines) -> Any:
    return machines.nodes["app1.example.org"]


def seen(machines: Machines) -> list[dict[str, Any]]:
    """The differences that there are, of which there has to be one at least."""
    data = json.loads(machines.fleet("status", "--json", status=1))
    return [*data["differences"], *(one for node in data["nodes"] for one in node["differences"])]


def test_one_line_is_enough_when_all_is_as_declared(machines: Machines) -> None:
    assert machines.fleet("status") == "3 nodes, 6 services: all as declared\n"
    data = json.loads(machines.fleet("status", "--json"))
    assert data["as_declared"] is True
    assert data["nodes"][0]["services"][1] == {
        "name": "orders", "declared": "1.0.0-1", "catalog": "1.0.0-1", "installed": "1.0.0-1", "serving": "1.0.0-1",
        "release": "1.0.0-1.3fa9c1d2", "wanted": "1.0.0-1.3fa9c1d2", "state": "serving", "healthy": True,
        "draining": False,
    }  # fmt: skip


def fail_the_run(machines: Machines) -> None:
    """The catalog has 1.1.0-1; it could not be installed."""
    machines.write("hieradata/tiers/production.yaml", PRODUCTION.replace("1.0.0-1", "1.1.0-1"))
    machines.deploy()
    node = app1(machines)
    for other in machines.nodes.values():
        assert other.report
        other.catalog["orders"]["version"] = "1.1.0-1"
        other.row["catalog_environment"] = machines.environment
        if other is not node:
            serve(other, "orders", "1.1.0-1")
    node.report["agent"]["last_run"] |= {"status": "failed", "failures": 1}
    node.report["agent"]["failed"] = [
        {"resource": "File[/etc/motd]", "where": "", "message": "disk is full"},
        {"resource": "Package[orders]", "where": "x.pp:1", "message": "no such version as 1.1.0-1"},
    ]
    machines.rows["good"] = [{"certname": node.certname, "max": "2026-11-27T08:00:00.000Z"}]


def serve(node: Any, service: str, version: str) -> None:
    release = f"{version}.3fa9c1d2"
    node.service(service).update(version=version, release=release, declared=release)
    node.report["installed"][service] = version


def disable(machines: Machines) -> None:
    """There was a deploy since, and the agent is disabled."""
    app1(machines).report["agent"]["disabled"] = "anna looks into a leak"


def silence(machines: Machines) -> None:
    """It runs by itself elsewhere: the package was downgraded, and no run has mended it since."""
    node = app1(machines)
    node.report["agent"]["last_run"]["time"] = node.row["report_timestamp"] = ago(hours=5)
    node.catalog["orders"]["version"] = "1.0.0-1"
    serve(node, "orders", "0.9.0-1")
    machines.rows["resources"] = [
        {"certname": node.certname, "type": "Class", "title": "Profile::Puppet_agent",
         "parameters": {"periodic": True}},
        *({"certname": name, "type": "Flask_microservice::Service", "title": service, "parameters": parameters}
          for name, each in machines.nodes.items() for service, parameters in each.catalog.items()),
    ]  # fmt: skip


def roll_back(machines: Machines) -> None:
    node = app1(machines)
    node.service("orders").update(state="rolled-back", version="0.9.0-1", release="0.9.0-1.aaaaaaaa")
    node.log = [
        record("rollback", "bert", "inventory", "done"),
        record("rollback", "anna", "orders", "done", "2026-11-28T07:30:00Z"),
        record("rollback", "carl", "orders", "failed: nothing to go back to"),
    ]


def record(action: str, who: str, what: str, outcome: str, time: str = "2026-11-28T07:00:00Z") -> dict[str, str]:
    return {"time": time, "host": "app1", "action": action, "who": who, "from": "10.0.0.9", "what": what,
            "outcome": outcome}  # fmt: skip


def try_branch(machines: Machines) -> None:
    until = int(time.time()) + 3600
    machines.answers["nodes"]["app1.example.org"] = machines.answer(
        environment="c_1111111111", branch="faster", by="anna", until=until
    )
    node = app1(machines)
    node.row["catalog_environment"] = "c_1111111111"
    node.catalog["orders"]["version"] = "1.2.0-1"
    serve(node, "orders", "1.2.0-1")


def commit_undeployed(machines: Machines) -> None:
    """A new version is in the checkout and at the remote; nobody deployed it."""
    deployed = machines.head
    machines.write("hieradata/tiers/production.yaml", PRODUCTION.replace("2.0.0-1", "2.1.0-1"))
    machines.commit()
    assert machines.head == deployed


def cut_off(machines: Machines) -> None:
    app1(machines).unreachable = "ssh: connect to host app1.example.org port 22: No route to host"


def enrol_only(machines: Machines) -> None:
    node = app1(machines)
    node.row, node.catalog = {}, {}
    node.report["agent"]["last_run"] = None
    node.report["services"], node.report["installed"] = [], {}


def forget(machines: Machines) -> None:
    """A service that no catalog has runs on."""
    node = app1(machines)
    del node.catalog["inventory"]
    machines.write(
        "hieradata/nodes/app1.example.org.yaml", "flask_microservice::services: {inventory: {ensure: absent}}\n"
    )
    machines.deploy()
    for other in machines.nodes.values():
        other.row["catalog_environment"] = machines.environment
    node.service("inventory").update(undeclared=True)


def break_health(machines: Machines) -> None:
    app1(machines).service("orders")["ready"] = False


def not_run_since_deploy(machines: Machines) -> None:
    machines.write("hieradata/tiers/production.yaml", PRODUCTION.replace("2.0.0-1", "2.1.0-1"))
    machines.deploy()
    for name, node in machines.nodes.items():
        if name != "app1.example.org":
            node.catalog["inventory"]["version"] = "2.1.0-1"
            node.row["catalog_environment"] = machines.environment
            serve(node, "inventory", "2.1.0-1")


def downgrade_by_hand(machines: Machines) -> None:
    app1(machines).report["installed"]["orders"] = "0.9.0-1"


def stop_by_hand(machines: Machines) -> None:
    app1(machines).service("orders").update(state="stopped")


def give_the_tier_another_commit(machines: Machines) -> None:
    machines.answers["tiers"]["production"] = machines.answer(environment="c_2222222222", branch=None, by="bert")
    for node in machines.nodes.values():
        node.row["catalog_environment"] = "c_2222222222"
    app1(machines).catalog["orders"]["version"] = "1.3.0-1"
    serve(app1(machines), "orders", "1.3.0-1")


def roll_out(machines: Machines) -> None:
    """A rollout has come to app1, and not to the others."""
    machines.answers["rollouts"] = {
        "production": {
            "number": 7, "epoch": 1, "environment": "c_3333333333", "since": 1, "by": "bert",
            "nodes": ["app1.example.org"],
        }
    }  # fmt: skip
    app1(machines).row["catalog_environment"] = "c_3333333333"
    app1(machines).catalog["orders"]["version"] = "1.3.0-1"
    serve(app1(machines), "orders", "1.3.0-1")


def run_now(machines: Machines) -> None:
    """The agent has installed a version, and is about to switch to it."""
    node = app1(machines)
    node.service("orders").update(version="0.9.0-1", release="0.9.0-1.aaaaaaaa", state="outdated")
    node.report["agent"]["running"] = True


def drain(machines: Machines) -> None:
    app1(machines).service("orders").update(ready=False, draining=True)


def stay(machines: Machines) -> None:
    """It is placed elsewhere now."""
    forget(machines)
    machines.rows["resources"] = [
        *({"certname": name, "type": "Flask_microservice::Service", "title": service, "parameters": parameters}
          for name, each in machines.nodes.items() for service, parameters in each.catalog.items()),
        {"certname": "app1.example.org", "type": "Flask_microservice_staying", "title": "inventory",
         "parameters": {"reason": "app2 does not serve it yet"}},
    ]  # fmt: skip


PLANTED: list[tuple[Callable[[Machines], None], str, str, str, str]] = [
    (fail_the_run, "orders", "declared, catalog 1.1.0-1; installed, serving 1.0.0-1",
     "the last run failed: Package[orders]: no such version as 1.1.0-1 (and 1 more)", "2026-11-27T08:00:00.000Z"),
    (disable, "", "agent disabled", "the agent is disabled: anna looks into a leak", ""),
    (silence, "orders", "declared, catalog 1.0.0-1; installed, serving 0.9.0-1", "the agent is silent for 5 h", ""),
    (roll_back, "orders", "declared, catalog, installed 1.0.0-1; serving 0.9.0-1",
     "rolled back by hand by anna from 10.0.0.9", "2026-11-28T07:30:00Z"),
    (try_branch, "orders", "declared 1.0.0-1; catalog, installed, serving 1.2.0-1", "on trial of faster until", ""),
    (cut_off, "", "not reached", "ssh does not reach it: connect to host app1.example.org port 22: No route", ""),
    (enrol_only, "", "no catalog", "it never ran", ""),
    (forget, "inventory", "2.0.0-1 serves, and no catalog has it", "it runs undeclared", ""),
    (break_health, "orders", "unhealthy", "unhealthy: its health check fails", ""),
    (not_run_since_deploy, "inventory", "declared 2.1.0-1; catalog, installed, serving 2.0.0-1", "no run has taken up",
     ""),
    (downgrade_by_hand, "orders", "declared, catalog 1.0.0-1; installed 0.9.0-1; serving 1.0.0-1",
     "somebody has changed the package by hand", ""),
    (stop_by_hand, "orders", "stopped", "its units do not run as declared", ""),
    (give_the_tier_another_commit, "orders", "declared 1.0.0-1; catalog, installed, serving 1.3.0-1",
     "the tier production is given commit 2222222222, set by bert", ""),
    (roll_out, "orders", "declared 1.0.0-1; catalog, installed, serving 1.3.0-1",
     "a rollout of bert gives it commit 3333333333", ""),
    (run_now, "orders", "declared, catalog, installed 1.0.0-1; serving 0.9.0-1", "a run of the agent is under way", ""),
    (drain, "orders", "unhealthy", "it is draining", ""),
    (stay, "inventory", "2.0.0-1 serves, and no catalog has it",
     "placed elsewhere now, it stays here for now: app2 does not serve it yet", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plant", "service", "what", "cause", "since"), PLANTED, ids=[one[0].__name__ for one in PLANTED]
)
def test_each_difference_is_named_with_its_cause(  # noqa: PLR0917 - a table's columns
    machines: Machines, plant: Callable[[Machines], None], service: str, what: str, cause: str, since: str
) -> None:
    plant(machines)
    found = [one for one in seen(machines) if one["service"] == service or not service]
    assert [(one["node"], one["service"], one["what"]) for one in found] == [("app1", service, what)]
    assert found[0]["cause"].startswith(cause), found
    assert not since or found[0]["since"] == since


def test_a_difference_is_one_line_for_people(machines: Machines) -> None:
    roll_back(machines)
    line, *rest = [line for line in machines.fleet("status", status=1).splitlines() if line.startswith("app1")]
    assert rest == []
    assert "orders" in line
    assert "serving 0.9.0-1" in line
    assert "rolled back by hand by anna" in line


def test_a_commit_that_nobody_deployed_is_named_once_and_explains_the_versions(machines: Machines) -> None:
    commit_undeployed(machines)
    fleet, *nodes = seen(machines)
    assert fleet["node"] == "fleet"
    assert f"root gave the fleet {machines.head[:10]} last, and nobody has deployed" in fleet["cause"]
    assert {one["node"] for one in nodes} == {"app1", "app2", "app3"}
    assert all(f"commit {machines.head[:10]} is deployed" in one["cause"] for one in nodes)


def test_alike_differences_share_a_line(machines: Machines) -> None:
    not_run_since_deploy(machines)
    for number in (4, 5):
        machines.add(f"app{number}.example.org")
        machines.nodes[f"app{number}.example.org"].row["catalog_environment"] = "c_0123456789"
    lines = [line for line in machines.fleet("status", status=1).splitlines() if line.startswith("app")]
    assert [line.partition(" ")[0] for line in lines] == ["app[1,4-5]"]
    assert lines[0].rstrip().endswith("`fleet run NODE`")


def test_an_uncommitted_change_explains_what_the_checkout_declares(machines: Machines) -> None:
    machines.write("hieradata/tiers/production.yaml", PRODUCTION.replace("2.0.0-1", "2.1.0-1"))
    assert {one["cause"] for one in seen(machines)} == {
        "the checkout has changes that are in no commit: hieradata/tiers/production.yaml"
    }


def test_a_catalog_that_did_not_compile_is_told_from_puppetdb(machines: Machines) -> None:
    node = app1(machines)
    node.row["latest_report_status"] = "failed"
    node.report["agent"]["last_run"] |= {"status": "failed", "failures": None}
    machines.rows["logs"] = [
        {"certname": node.certname, "logs": {"data": [{"level": "info", "message": "Using environment"},
                                                      {"level": "err", "message": "Unknown variable: 'x'"}]}}
    ]  # fmt: skip
    assert [one["cause"] for one in seen(machines)] == ["the last run failed: Unknown variable: 'x'"]


def test_without_puppetdb_the_nodes_are_told_all_the_same(machines: Machines) -> None:
    machines.write("nodes.yaml", "".join(f"{name}: {{role: app, tier: production}}\n" for name in machines.nodes))
    machines.server_error = "fleet-query: PuppetDB on puppet.example.org does not answer: Connection refused"
    break_health(machines)
    data = json.loads(machines.fleet("status", "--json", status=1).partition("\n{")[2].join(["{", ""]))
    (fleet,) = data["differences"]
    assert (fleet["kind"], fleet["what"]) == ("unknown", "not known: catalogs and agent runs")
    assert "Connection refused" in fleet["cause"]
    node = data["nodes"][0]
    assert [(one["service"], one["what"]) for one in node["differences"]] == [("orders", "unhealthy")]
    assert [(one["declared"], one["catalog"], one["serving"]) for one in node["services"]] == [
        ("2.0.0-1", None, "2.0.0-1"), ("1.0.0-1", None, "1.0.0-1"),
    ]  # fmt: skip


def test_a_part_that_a_node_cant_tell_is_not_taken_for_good(machines: Machines) -> None:
    node = app1(machines)
    node.report["services"] = None
    node.report["errors"] = {"services": "flask-microservice: exit status 1"}
    (one,) = seen(machines)
    assert (one["what"], one["cause"], one["kind"]) == (
        "not known: services", "flask-microservice: exit status 1", "unknown",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "Welcome!", "[]", '{"agent": 3}'])
def test_a_report_that_cant_be_read_is_one_line(machines: Machines, text: str) -> None:
    machines.save()
    app1(machines).report = None
    (machines.directory / "app1.example.org/fleet-report").write_text(text, encoding="utf-8")
    assert [(one["node"], one["what"], one["kind"]) for one in seen(machines)] == [("app1", "not asked", "unknown")]


def test_a_node_that_hangs_holds_up_no_other(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_SECONDS", 2)
    app1(machines).report = None
    (machines.directory / "app1.example.org").mkdir(parents=True)
    os.mkfifo(machines.directory / "app1.example.org/fleet-report")
    (one,) = seen(machines)
    assert (one["node"], one["kind"]) == ("app1", "unknown")
    assert one["cause"] == "fleet-report has come to no end there after 2 s: try it again"


def test_a_node_without_the_program_says_who_installs_it(machines: Machines) -> None:
    app1(machines).report = None
    (one,) = seen(machines)
    assert "there is no fleet-report" in one["cause"] or "no /usr/local/sbin/fleet-report" in one["cause"]


def test_quick_asks_no_node(machines: Machines) -> None:
    assert machines.fleet("status", "--quick") == "3 nodes, 6 services: all as declared, as far as PuppetDB knows\n"
    assert {line.partition(" ")[0] for line in machines.asked()} == {"puppet.example.org"}


def test_nodes_are_chosen_as_elsewhere(machines: Machines) -> None:
    break_health(machines)
    assert machines.fleet("status", "app[2-3]") == "2 nodes, 4 services: all as declared\n"
    assert any('certname in ["app2.example.org", "app3.example.org"]' in query for query in machines.queries())
    assert "there is no node 'app9'" in machines.fleet("status", "app9", status=1)
    assert "exclude each other" in machines.fleet("status", "--watch", "--json", status=1)


@pytest.mark.parametrize("questions", [2, 9])
def test_the_watch_ends_whenever_it_is_interrupted(machines: Machines, questions: int) -> None:
    machines.save()
    command = [sys.executable, "-m", "fleet_cli", "-C", str(machines.repo), "status", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        asked = machines.directory / "asked"
        wait_for(lambda: asked.exists() and len(machines.asked()) >= questions, "it asks")
        watch.send_signal(signal.SIGINT)
        printed, error = watch.communicate(timeout=30)
    assert watch.returncode == 130
    assert "Traceback" not in printed + error


def test_a_thousand_nodes_cost_puppetdb_six_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines(tmp_path, monkeypatch)
    for number in range(1000):
        machines.add(f"app{number}.example.org")
    machines.save()
    start = time.monotonic()
    assert "1000 nodes, 2000 services: all as declared" in machines.fleet("status", "--quick")
    took = time.monotonic() - start
    assert len(machines.queries()) == 6
    assert took < 30, "generous: this machine may be busy"
