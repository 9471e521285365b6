"""Where facts come from."""

import json
from pathlib import Path
from typing import Any

import urllib3

from fleet_cli.fleet import puppetdb
from fleet_cli.lab import labfile
from fleet_cli.machine import paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import factsets
from fleet_cli.planning.factsets import FactSets
from fleet_cli.repository import inventory

NONE = "none"
SECONDS = 60.0
_FACTS = "inventory[certname, facts, trusted] {}"


def find(repo: Path, source: str | None) -> FactSets:
    """Return the facts of all nodes that are known.

    Args:
        repo: the control repository.
        source: the URL of a PuppetDB, `none`, or nothing for the lab's if it stands.

    Raises:
        FleetError: the PuppetDB that was named does not answer.
    """
    rows: list[dict[str, Any]] = []
    if source and source != NONE:
        rows = ask(source, _FACTS)
    elif source is None and paths.SSH_CONFIG.exists() and not (repo / inventory.FILE).exists():
        try:
            rows = puppetdb.query(labfile.load(repo / "lab.yaml"), _FACTS)
        except FleetError:
            rows = []  # a lab that is down: the notes say whose facts are used
    # What a certificate says is not the node's to say: it comes from the list of machines.
    live = {row["certname"]: {name: value for name, value in row["facts"].items() if name != "trusted"} for row in rows}
    return FactSets(live, repo, factsets.addresses(repo))


def ask(url: str, pql: str) -> list[dict[str, Any]]:
    """Return the rows that a PuppetDB answers to a query.

    Raises:
        FleetError: it does not answer, or refuses the query.
    """
    address = f"{url.rstrip('/')}/pdb/query/v4"
    try:
        with urllib3.PoolManager() as asking:
            answer = asking.request("GET", address, fields={"query": pql}, timeout=SECONDS, retries=False)
        if answer.status != 200:
            raise FleetError(f"{address}: status {answer.status}: {answer.data.decode('utf-8', 'replace')[:300]}")
        rows: list[dict[str, Any]] = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise FleetError(f"{address}: no PuppetDB that answers: {error}") from None
    return rows
