"""The nodes of a fleet, and which of them are meant."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from ClusterShell.NodeSet import NodeSet, NodeSetException

from fleet_cli.fleet import puppetdb
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.puppetdb import Answer
from fleet_cli.machine import steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import inventory
from fleet_cli.repository.inventory import Machine

SERVER_ROLE = "puppetserver"
DATABASE_ROLE = "database"
BALANCER_ROLE = "load_balancer"
TRUSTED = "inventory[certname, trusted] {}"
"""The query that says which nodes there are."""


class Named(Protocol):
    """What an agent run has to know of a node."""

    @property
    def name(self) -> str:
        """What messages call it, and how ssh is told."""

    @property
    def certname(self) -> str:
        """The name in its certificate."""

    @property
    def role(self) -> str:
        """The trusted extension pp_role."""

    @property
    def tier(self) -> str:
        """The trusted extension pp_environment."""


@dataclass(frozen=True, order=True)
class Node:
    """A node of the fleet.

    Attributes:
        certname: the name in its certificate, by which ssh reaches it.
        role, tier: the trusted extensions pp_role and pp_environment in it.
        name: what messages call it: its first label if no other node has that, else the certname.
    """

    certname: str
    role: str
    tier: str
    name: str


@dataclass(frozen=True)
class Choice:
    """Which nodes are meant: each kind of word narrows what the others leave.

    Attributes:
        words: names, short or whole, and sets of them as ClusterShell writes them: `app[1-20]`.
        roles, tiers: any of each.
        query: a query in PQL whose rows have a certname.
    """

    words: Sequence[str] = ()
    roles: Sequence[str] = ()
    tiers: Sequence[str] = ()
    query: str | None = None

    def __bool__(self) -> bool:
        return bool(self.words or self.roles or self.tiers or self.query)


def known(fleet: Fleet, repo: Path, trusted: Answer | None = None) -> list[Node]:
    """Return all nodes, the Puppet server too: those of PuppetDB, or of nodes.yaml where it can't be asked.

    Args:
        trusted: the answer to the query TRUSTED, where PuppetDB was asked already.

    Raises:
        FleetError: neither of them has any.
    """
    try:
        machines, without = inventory.of_trusted_facts(
            puppetdb.query(fleet, TRUSTED) if trusted is None else puppetdb.rows(trusted)
        )
    except FleetError as error:
        try:
            machines, without = inventory.machines(repo), []
        except FleetError:
            raise error from None
        steps.say(f"note: {error}\nnote: the list of machines in {repo} says which nodes there are")
    for certname in without:
        steps.say(f"note: {certname}: its certificate names no role or no tier: left out")
    if not machines:
        raise FleetError(f"PuppetDB on {fleet.server} knows no node: enrol one, or wait for its first run")
    return named(machines)


def named(machines: Iterable[Machine]) -> list[Node]:
    """Return machines with the names that messages call them."""
    machines = sorted(machines)
    labels = Counter(machine.certname.partition(".")[0] for machine in machines)

    def name(certname: str) -> str:
        label = certname.partition(".")[0]
        return label if labels[label] == 1 else certname

    return [Node(machine.certname, machine.role, machine.tier, name(machine.certname)) for machine in machines]


def chosen(fleet: Fleet, repo: Path, choice: Choice, trusted: Answer | None = None) -> list[Node]:
    """Return the nodes that are meant; without a choice all but the Puppet server.

    Args:
        trusted: as for known.

    Raises:
        FleetError: a word means no node, or nothing is left.
    """
    nodes = known(fleet, repo, trusted)
    if choice.words:
        # Who names a node that has not had a run yet, or was deactivated, means it.
        nodes = named({*_listed(repo, nodes), *(Machine(node.certname, node.role, node.tier) for node in nodes)})
    found = pick(nodes, choice)
    if choice.query is not None:
        rows = puppetdb.query(fleet, choice.query)
        if any("certname" not in row for row in rows):
            raise FleetError(f"--query {choice.query}: its rows have no certname: write nodes[certname] {{ … }}")
        meant = {row["certname"] for row in rows}
        found = [node for node in found if node.certname in meant]
    if not found:
        raise FleetError("no node is meant: " + ", ".join(_said(choice)) if choice else "there is no node to run on")
    return found


def _listed(repo: Path, known: Iterable[Node]) -> set[Machine]:
    """Return the machines of the repository's list that PuppetDB does not know."""
    certnames = {node.certname for node in known}
    try:
        return {machine for machine in inventory.machines(repo) if machine.certname not in certnames}
    except FleetError:
        return set()


def pick(nodes: Sequence[Node], choice: Choice) -> list[Node]:
    """Return those of the nodes that words, roles and tiers mean.

    Raises:
        FleetError: a word, role or tier means none.
    """
    words = {name for word in choice.words for name in _names(word)}
    by_name = {name: node for node in nodes for name in (node.name, node.certname)}
    if unknown := sorted(words - by_name.keys()):
        few = ", ".join(node.name for node in nodes[:20]) + (", …" if len(nodes) > 20 else "")
        raise FleetError(f"there is no node {', '.join(map(repr, unknown))}; the fleet has: {few}")
    for what, given, have in (
        ("role", choice.roles, {node.role for node in nodes}),
        ("tier", choice.tiers, {node.tier for node in nodes}),
    ):
        if none := sorted(set(given) - have):
            raise FleetError(
                f"no node has the {what} {', '.join(map(repr, none))}; there are: {', '.join(sorted(have))}"
            )
    named = {by_name[word] for word in words}
    # The server is no node like others: it has a run only if it is named.
    wanted = named if words else {node for node in nodes if node.role != SERVER_ROLE or SERVER_ROLE in choice.roles}
    return [
        node
        for node in nodes
        if node in wanted
        and (not choice.roles or node.role in choice.roles)
        and (not choice.tiers or node.tier in choice.tiers)
    ]


def _names(word: str) -> list[str]:
    try:
        return list(NodeSet(word))
    except NodeSetException as error:
        raise FleetError(f"{word!r} names no nodes: {error}") from None


def _said(choice: Choice) -> list[str]:
    said = [*choice.words, *(f"--role {role}" for role in choice.roles), *(f"--tier {tier}" for tier in choice.tiers)]
    return [*said, *([f"--query {choice.query}"] if choice.query else [])]


AnyNode = TypeVar("AnyNode", bound=Named)


def in_order(nodes: Iterable[AnyNode]) -> list[list[AnyNode]]:
    """Return the nodes in groups, of which each needs what the agent did on the ones before.

    Services find their databases when they first start; a balancer finds what the others have said of themselves.
    """
    place = {DATABASE_ROLE: 0, BALANCER_ROLE: 2}
    groups: list[list[AnyNode]] = [[], [], []]
    for node in nodes:
        groups[place.get(node.role, 1)].append(node)
    return [group for group in groups if group]
