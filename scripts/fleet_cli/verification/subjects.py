"""What `fleet verify` looks at: nodes with their services, as declared and as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.fleet import asking, puppetdb, reports
from fleet_cli.fleet import nodes as fleet_nodes
from fleet_cli.fleet.asking import Said
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Choice, Node
from fleet_cli.fleet.reports import Report, Running

INSPECT = "fleet-inspect"
"""The program on a node that says what only root can see there."""


@dataclass(frozen=True)
class Inspection:
    """What only root sees on a node.

    Attributes:
        error: why it is not known; empty if it is.
        units: by name: `active`, `sub` and `enabled` as systemd has them, and the `user` of the main process.
        paths: by path: `kind`, `owner`, `group` and `mode`; None for what is not there.
        ports: the TCP ports at which something listens.
        sockets: the paths of unix sockets at which something listens.
        ca_certificate: of the fleet's CA, as PEM.
    """

    error: str = ""
    units: Mapping[str, Mapping[str, str]] | None = None
    paths: Mapping[str, Mapping[str, str] | None] | None = None
    ports: Sequence[int] | None = None
    sockets: Sequence[str] | None = None
    ca_certificate: str = ""


@dataclass(frozen=True)
class Service:
    """A service on a node, as the node's newest catalog declares it.

    Attributes:
        parameters: all that the catalog says of it; no secret is among them.
        running: what the node says of it; None if it does not have it, or says nothing.
    """

    node: "Subject"
    name: str
    parameters: Mapping[str, Any]
    running: Running | None

    @property
    def version(self) -> str:
        """The declared version of its package."""
        return str(self.parameters.get("version") or "")

    @property
    def package(self) -> str:
        """The Debian package that it runs from."""
        return str(self.parameters.get("package") or self.name)

    @property
    def port(self) -> int | None:
        """The port that it listens on; None if that is a socket."""
        return self.parameters.get("port")

    @property
    def socket(self) -> str | None:
        """The unix socket that it listens on; None if that is a port."""
        return self.parameters.get("socket")

    @property
    def from_template(self) -> bool:
        """Whether it was made from the template; of another application only what the module sees to is known."""
        return self.parameters.get("application") is None

    @property
    def instance(self) -> str:
        """The unit of the release that serves; empty if none does."""
        return f"{self.name}@{self.running.release}.service" if self.running and self.running.release else ""

    def __str__(self) -> str:
        return f"{self.name}-on-{self.node.name}"


@dataclass(frozen=True)
class Balanced:
    """A service that a balancer has a port for."""

    node: "Subject"
    name: str
    parameters: Mapping[str, Any]

    @property
    def port(self) -> int:
        """The port that clients use."""
        return int(self.parameters["port"])

    @property
    def https(self) -> bool:
        """Whether the port speaks HTTPS."""
        return bool(self.parameters.get("certificate"))

    @property
    def health_path(self) -> str:
        """The path that answers 200 on a machine that can serve."""
        return str(self.parameters.get("health_path") or "/health/ready")

    def __str__(self) -> str:
        return f"{self.name}-at-{self.node.name}"


class Subject:
    """A node: what is declared for it, and what it says of itself."""

    def __init__(self, node: Node, report: Report, inspection: Inspection) -> None:
        self.node = node
        self.report = report
        self.inspection = inspection
        self.services: list[Service] = []
        self.balanced: list[Balanced] = []

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.node.name

    @property
    def certname(self) -> str:
        """The name in its certificate, by which ssh reaches it."""
        return self.node.certname

    @property
    def role(self) -> str:
        """The role in its certificate."""
        return self.node.role

    @property
    def tier(self) -> str:
        """The tier in its certificate."""
        return self.node.tier

    def __str__(self) -> str:
        return self.name


def collect(fleet: Fleet, repo: Path, choice: Choice) -> list[Subject]:
    """Ask PuppetDB what is declared, and the nodes what they are.

    Raises:
        FleetError: PuppetDB can't be asked, or the choice means no node.
    """
    answers = puppetdb.query_all(fleet, {
        "trusted": fleet_nodes.TRUSTED,
        "services": puppetdb.of_type(puppetdb.SERVICE_TYPE),
        "balanced": puppetdb.of_type(puppetdb.BALANCED_TYPE),
    })  # fmt: skip
    services, at_balancers = (puppetdb.by_certname(puppetdb.rows(answers[name])) for name in ("services", "balanced"))
    chosen = fleet_nodes.chosen(fleet, repo, choice, answers["trusted"])
    told, seen = asking.ask(fleet, [node.certname for node in chosen], reports.PROGRAM, INSPECT)
    found = []
    for node in chosen:
        subject = Subject(node, reports.read(told[node.certname]), read(seen[node.certname]))
        running = subject.report.services or {}
        for its in services.get(node.certname, []):
            subject.services.append(Service(subject, its["name"], its, running.get(its["name"])))
        subject.balanced += [Balanced(subject, its["name"], its) for its in at_balancers.get(node.certname, [])]
        found.append(subject)
    return found


def read(said: Said) -> Inspection:
    """Read what fleet-inspect said."""
    if said.error:
        return Inspection(error=said.error)
    try:
        data = said.document()
        errors = data.get("errors") or {}
        listening = data.get("listening") or {}
        paths = {path: its for service in data["services"].values() for path, its in (service["paths"] or {}).items()}
        return Inspection(
            "; ".join(f"{part}: {why}" for part, why in errors.items() if part != "authority"),
            data.get("units"),
            paths,
            listening.get("tcp"),
            listening.get("unix"),
            data.get("authority") or "",
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Inspection(error=f"{INSPECT} there says what can't be read ({error}): is its version another one?")
