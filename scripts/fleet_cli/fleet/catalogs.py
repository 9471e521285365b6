"""What PuppetDB knows of all nodes at once: a few queries, however many nodes there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet_cli.fleet import puppetdb
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.puppetdb import Answer, Rows
from fleet_cli.machine.errors import FleetError

AGENT_CLASS = "Profile::Puppet_agent"
STAYING_TYPE = "Flask_microservice_staying"
FEW = 50
"""Up to so many nodes, PuppetDB is asked for these alone."""


@dataclass(frozen=True)
class Known:
    """What PuppetDB knows of one node.

    Attributes:
        services: the parameters of each service in its newest catalog, by name.
        environment: of the newest catalog; empty if there is none.
        report_time: of its last run; empty if it never ran.
        status: of its last run: changed, unchanged or failed.
        failure: of its last run, the first.
        last_good: when a run of it last did not fail.
        periodic: whether its agent runs by itself, every half hour.
        staying: services that are placed elsewhere now and stay for the moment, with what they wait for.
    """

    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: str = ""
    report_time: str = ""
    status: str = ""
    failure: str = ""
    last_good: str = ""
    periodic: bool = False
    staying: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogs:
    """What PuppetDB knows, by certname; or why it could not be asked."""

    nodes: dict[str, Known] = field(default_factory=dict)
    error: str = ""

    def of(self, certname: str) -> Known:
        """What it knows of a node; nothing, if it has never heard of it."""
        return self.nodes.get(certname, Known())


def collect(fleet: Fleet, certnames: Sequence[str]) -> Catalogs:
    """Ask PuppetDB what it knows of nodes."""
    return read(puppetdb.query_all(fleet, queries(certnames if len(certnames) <= FEW else ())))


def queries(certnames: Sequence[str] = ()) -> dict[str, str]:
    """Return the queries whose answers `read` understands: about nodes, or about all of them."""
    among = "certname in [" + ", ".join(f'"{name}"' for name in certnames) + "]" if certnames else ""
    also = f" and {among}" if among else ""
    failed = 'latest_report? = true and status = "failure"'
    types = f'type in ["{puppetdb.SERVICE_TYPE}", "{STAYING_TYPE}"] or (type = "Class" and title = "{AGENT_CLASS}")'
    every = among or 'certname ~ "."'
    return {
        "nodes": f"nodes[certname, report_timestamp, latest_report_status, catalog_environment] {{ {every} }}",
        "resources": f"resources[certname, type, title, parameters] {{ ({types}){also} }}",
        "events": f"events[certname, resource_type, resource_title, message] {{ {failed}{also} }}",
        # A run that failed without a failed resource had no catalog: the log alone says why.
        "logs": 'reports[certname, logs] { latest_report? = true and status = "failed"'
        f" and !(certname in events[certname] {{ {failed} }}){also} }}",
        "good": "reports[certname, max(receive_time)]"
        f' {{ status != "failed" and certname in nodes[certname] {{ latest_report_status = "failed" }}{also}'
        " group by certname }",
    }


def read(answers: Mapping[str, Answer]) -> Catalogs:
    """Put the answers together; what PuppetDB can't tell does not keep it from telling the rest."""
    try:
        nodes, resources = (puppetdb.rows(answers[name]) for name in ("nodes", "resources"))
    except FleetError as error:
        return Catalogs(error=str(error))
    # What only explains is left out if it can't be told: the difference itself is told all the same.
    events, logs, good = (
        [] if isinstance(answer := answers[name], FleetError) else answer for name in ("events", "logs", "good")
    )
    return Catalogs(_put_together(nodes, resources, _failures(events, logs), good))


def _put_together(nodes: Rows, resources: Rows, failures: dict[str, str], good: Rows) -> dict[str, Known]:
    services: dict[str, dict[str, dict[str, Any]]] = {}
    periodic = set()
    staying: dict[str, dict[str, str]] = {}
    for row in resources:
        if row["type"] == "Class":
            if row["parameters"].get("periodic"):
                periodic.add(row["certname"])
        elif row["type"] == STAYING_TYPE:
            staying.setdefault(row["certname"], {})[row["title"]] = str(row["parameters"].get("reason") or "")
        elif row["parameters"].get("ensure", "present") == "present":
            services.setdefault(row["certname"], {})[row["title"]] = row["parameters"]
    last_good = {row["certname"]: str(row.get("max") or "") for row in good}
    return {
        row["certname"]: Known(
            services.get(row["certname"], {}),
            row.get("catalog_environment") or "",
            row.get("report_timestamp") or "",
            row.get("latest_report_status") or "",
            failures.get(row["certname"], ""),
            last_good.get(row["certname"], ""),
            row["certname"] in periodic,
            staying.get(row["certname"], {}),
        )
        for row in nodes
    }


def _failures(events: Rows, logs: Rows) -> dict[str, str]:
    """The first failure of each node."""
    found: dict[str, str] = {}
    for row in events:
        resource = f"{row['resource_type']}[{row['resource_title']}]"
        found.setdefault(row["certname"], f"{resource}: {row.get('message') or 'failed'}")
    for row in logs:
        said = row.get("logs") or []
        for entry in said.get("data") or [] if isinstance(said, dict) else said:
            if entry.get("level") in ("err", "alert", "crit", "emerg"):
                found.setdefault(row["certname"], str(entry.get("message") or ""))
    return found
