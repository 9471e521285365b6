"""A node and its services, as all who were asked have them; and where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fleet_cli.fleet.catalogs import Known
from fleet_cli.fleet.deploying import Given
from fleet_cli.fleet.nodes import Node
from fleet_cli.fleet.reports import Report

DIFFERS, UNKNOWN = "differs", "unknown"


@dataclass(frozen=True)
class Difference:
    """Where something is not as declared, or can't be known.

    Attributes:
        node: the name of the node; the word `fleet` for what is about all of them.
        service: the service; empty for what is about the node.
        what: what differs.
        cause: the likely cause, in words; what to do, where that helps.
        since: since when, as ISO 8601 has it; empty if that is not known.
        kind: DIFFERS or UNKNOWN.
    """

    node: str
    service: str
    what: str
    cause: str
    since: str = ""
    kind: str = DIFFERS


@dataclass(frozen=True)
class ServiceStatus:
    """The version of one service on one node, at each place where one can look; None where that is not known.

    Attributes:
        declared: what git says; the empty string if it does not declare it.
        catalog: what the node's newest catalog says; the empty string if it has no such service.
        installed: the version of its package; the empty string if it is not installed.
        serving: the version that serves; the empty string if none does.
        release, wanted: the release that serves, and the one that the node is to serve.
        state: what `flask-microservice status` calls it.
        healthy: what its health check says.
        draining: whether it turns clients away, before it is removed or its machine goes down.
    """

    name: str
    declared: str | None = None
    catalog: str | None = None
    installed: str | None = None
    serving: str | None = None
    release: str = ""
    wanted: str = ""
    state: str = ""
    healthy: bool | None = None
    draining: bool = False

    @property
    def versions(self) -> dict[str, str | None]:
        """The version at each place, in the order in which one comes from the other."""
        return {
            "declared": self.declared,
            "catalog": self.catalog,
            "installed": self.installed,
            "serving": self.serving,
        }


@dataclass
class NodeStatus:
    """A node.

    Attributes:
        known: what PuppetDB knows of it; None if it could not be asked.
        report: what it says of itself; None if it was not asked.
        given: what the server gives it; None if that is not known, or nothing is deployed.
    """

    node: Node
    known: Known | None = None
    report: Report | None = None
    given: Given | None = None
    services: list[ServiceStatus] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The node as JSON has it."""
        known, report = self.known, self.report
        return {
            "node": self.node.name,
            "certname": self.node.certname,
            "role": self.node.role,
            "tier": self.node.tier,
            "reached": report.reached if report else None,
            "error": report.error if report else None,
            "agent": {
                "last_run": known.report_time if known else None,
                "status": known.status if known else None,
                "failure": known.failure if known else None,
                "environment": known.environment if known else None,
                "disabled": report.disabled if report else None,
                "running": report.running if report and not report.error else None,
            },
            "given": asdict(self.given) if self.given else None,
            "services": [asdict(service) for service in self.services],
            "differences": [asdict(one) for one in self.differences],
        }


def services(
    known: Known | None, report: Report | None, declared: Mapping[str, str | None] | None
) -> Sequence[ServiceStatus]:
    """Put together what is known of each service of a node.

    Args:
        declared: versions by service, as git has them for the node; None if the node's role may run none.
    """
    asked = report is not None and not report.error and report.services is not None
    running = report.services if report and report.services is not None else {}
    installed = report.installed if report and report.installed is not None else {}
    catalog = known.services if known else {}
    found = []
    for name in sorted({*catalog, *running, *(declared or {})}):
        parameters = catalog.get(name, {})
        now = running.get(name)
        package = str(parameters.get("package") or name)
        found.append(
            ServiceStatus(
                name,
                None if declared is None else declared.get(name, ""),
                str(parameters.get("version") or "") if known else None,
                (installed[package] or "") if package in installed else ("" if asked and not now else None),
                (now.version if now else "") if asked else None,
                now.release if now else "",
                now.declared if now else "",
                ("undeclared" if now.undeclared and now.release else now.state) if now else "",
                now.ready if now else None,
                bool(now and now.draining),
            )
        )
    return found
