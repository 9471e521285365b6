"""Where facts come from."""

from pathlib import Path
from typing import Any

import urllib3

from fleet_cli.fleet import puppetdb, puppetdb_https
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import factsets
from fleet_cli.planning.factsets import FactSets

NONE = "none"
_FACTS = "inventory[certname, facts, trusted] {}"


def find(fleet: Fleet | None, repo: Path, source: str | None, given: Path | None = None) -> FactSets:
    """Return the facts of all nodes that are known.

    Args:
        fleet: whose PuppetDB is asked; the lab's only for the lab's own machines.
        repo: the control repository.
        source: the URL of a PuppetDB, `none`, or nothing for the fleet's.
        given: a fact set for the nodes that PuppetDB does not know.

    Raises:
        FleetError: the PuppetDB that was named does not answer, or the fact set can't be read.
    """
    rows: list[dict[str, Any]] = []
    if source and source != NONE:
        rows = ask(source, _FACTS)
    elif source is None and fleet:
        try:
            rows = puppetdb.query(fleet, _FACTS)
        except FleetError:
            rows = []  # a server that is down: the notes say whose facts are used
    # What a certificate says is not the node's to say: it comes from the list of machines.
    live = {row["certname"]: {name: value for name, value in row["facts"].items() if name != "trusted"} for row in rows}
    return FactSets(live, repo, factsets.addresses(repo), factsets.read(given) if given else None)


def ask(url: str, pql: str) -> list[dict[str, Any]]:
    """Return the rows that a PuppetDB answers to a query.

    Raises:
        FleetError: it does not answer, or refuses the query.
    """
    with urllib3.PoolManager() as asking:
        return puppetdb_https.ask(asking, url, pql)
