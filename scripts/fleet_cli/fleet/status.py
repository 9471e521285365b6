"""Is everything as declared? What git, PuppetDB, the Puppet server and the nodes say, put side by side."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fleet_cli.fleet import catalogs, commits, differences, observed, pins, puppetdb, records, reports
from fleet_cli.fleet import nodes as fleet_nodes
from fleet_cli.fleet.catalogs import Catalogs
from fleet_cli.fleet.causes import Causes
from fleet_cli.fleet.commits import Commits
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Choice, Node
from fleet_cli.fleet.observed import UNKNOWN, Difference, NodeStatus
from fleet_cli.fleet.records import Record
from fleet_cli.fleet.reports import Report
from fleet_cli.machine import steps

MANY = 200
"""From so many nodes on, it is said that they are asked: it takes some seconds."""


@dataclass(frozen=True)
class Status:
    """The fleet, or the nodes of it that were chosen.

    Attributes:
        asked: whether nodes were asked over ssh: if not, what they run is not known, and nobody wanted to know.
        whole: differences that are about all nodes.
    """

    nodes: Sequence[NodeStatus]
    commits: Commits
    asked: bool = True
    whole: Sequence[Difference] = field(default_factory=list)

    @property
    def differences(self) -> list[Difference]:
        """All of them, those of the fleet first."""
        return [*self.whole, *(one for node in self.nodes for one in node.differences)]

    @property
    def as_declared(self) -> bool:
        """Whether all is as declared, and known to be."""
        return not self.differences

    @property
    def summary(self) -> str:
        """One line: how many nodes and services, and whether all is as declared."""
        services = sum(len(node.services) for node in self.nodes)
        counted = f"{_count(len(self.nodes), 'node')}, {_count(services, 'service')}"
        found = self.differences
        unknown = sum(one.kind == UNKNOWN for one in found)
        if not found:
            return f"{counted}: all as declared" + ("" if self.asked else ", as far as PuppetDB knows")
        said = [_count(len(found) - unknown, "difference")] if len(found) > unknown else []
        return f"{counted}: {' and '.join([*said, *([f'{unknown} not known'] if unknown else [])])}"

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON has it."""
        return {
            "as_declared": self.as_declared,
            "deployed": self.commits.deployed,
            "checkout": self.commits.checkout,
            "remote": self.commits.remote,
            "differences": [asdict(one) for one in self.whole],
            "nodes": [node.as_dict() for node in self.nodes],
        }


def collect(fleet: Fleet, repo: Path, choice: Choice, *, ask_nodes: bool = True) -> Status:
    """Ask everybody at the same time, and compare what they say.

    Args:
        ask_nodes: whether to ask the nodes themselves, over ssh.

    Raises:
        FleetError: the choice means no node, or nobody can say which nodes there are.
    """
    with ThreadPoolExecutor(max_workers=3) as pool:
        server = pool.submit(commits.server, fleet)
        git = pool.submit(commits.git, fleet, repo)
        chosen, known = _look_up(fleet, repo, choice, pool)
        told = _ask(fleet, chosen) if ask_nodes else {}
        found = known()
        both = commits.together(server.result(), git.result())
    statuses = _observe(repo, chosen, found, told, both)
    rollbacks = _rollbacks(fleet, statuses)
    for status in statuses:
        causes = Causes(
            status.node, status.known, status.report, status.given, both, time.time(),
            rollbacks.get(status.node.certname, ()),
        )  # fmt: skip
        status.differences = list(differences.of_node(status, causes))
    return Status(statuses, both, ask_nodes, list(differences.of_fleet(both, found.error)))


def _look_up(fleet: Fleet, repo: Path, choice: Choice, pool: Executor) -> tuple[Sequence[Node], Callable[[], Catalogs]]:
    """Return the nodes that are meant, and what PuppetDB knows of them, which it may still be asked."""
    if choice:
        chosen = fleet_nodes.chosen(fleet, repo, choice)
        return chosen, pool.submit(catalogs.collect, fleet, [node.certname for node in chosen]).result
    # Of all nodes PuppetDB is asked at once which they are and what it knows: one connection less to wait for.
    answers = puppetdb.query_all(fleet, {"trusted": fleet_nodes.TRUSTED, **catalogs.queries()})
    return fleet_nodes.chosen(fleet, repo, choice, answers["trusted"]), lambda: catalogs.read(answers)


def _ask(fleet: Fleet, nodes: Sequence[Node]) -> dict[str, Report]:
    if len(nodes) < MANY:
        return reports.collect(fleet, nodes)
    with steps.step(f"asking {len(nodes)} nodes; with --quick PuppetDB alone is asked"):
        return reports.collect(fleet, nodes)


def _observe(
    repo: Path, nodes: Sequence[Node], known: Catalogs, told: Mapping[str, Report], both: Commits
) -> list[NodeStatus]:
    """Put together what all have said of each node."""
    roles = {node.role for node in nodes if _runs_services(known.of(node.certname).services, told.get(node.certname))}
    declared = pins.declared(repo, nodes, roles)
    statuses = []
    for node in nodes:
        here = None if known.error else known.of(node.certname)
        report = told.get(node.certname)
        given = both.answers.given(node.certname, node.tier) if both.answers else None
        found = observed.services(here, report, declared.get(node.certname))
        statuses.append(NodeStatus(node, here, report, given, list(found)))
    return statuses


def _runs_services(catalog: dict[str, Any], report: Report | None) -> bool:
    return bool(catalog or (report and report.services))


def _rollbacks(fleet: Fleet, statuses: Sequence[NodeStatus]) -> dict[str, list[Record]]:
    """The records of rollbacks, of the nodes on which there was one: only these are asked."""
    certnames = [
        status.node.certname
        for status in statuses
        if any(service.state == "rolled-back" for service in status.services)
    ]
    found = records.of_nodes(fleet, certnames)
    return {name: [one for one in its if one.action == "rollback"] for name, its in found.items()}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
