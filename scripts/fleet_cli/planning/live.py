"""Catalogs from the Puppet server, of two commits as they are deployed there: what agents would get.

The server takes facts and trusted facts from PuppetDB, stores nothing, and answers to its own certificate only.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet_cli.fleet import deploying, nodes, ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.planning import plan
from fleet_cli.planning.catalog import Catalog
from fleet_cli.planning.contents import Contents
from fleet_cli.planning.plan import Failure, Item, Plan
from fleet_cli.planning.planner import Choice
from fleet_cli.planning.unused import Unused
from fleet_cli.repository.inventory import Machine

_SSL = "/var/lib/puppet/ssl"
SECONDS = 120
NOTE = "catalogs of the Puppet server, facts of PuppetDB; files that are copied from modules are not compared"


def make(fleet: Fleet, repo: Path, base: str, head: str, choice: Choice) -> Plan:
    """Compare two environments of the Puppet server.

    Args:
        base, head: a branch that was deployed, or a commit that is kept there. The fleet's branch stands for what the
            fleet is given.

    Raises:
        FleetError: the server does not answer, or refuses; no such machine; nothing of that name is deployed.
    """
    known = nodes.known(fleet, repo)
    server = next((node.certname for node in known if node.role == nodes.SERVER_ROLE), fleet.server)
    machines = {Machine(node.certname, node.role, node.tier) for node in known}
    choice.check(machines)
    boxes = sorted(machine for machine in machines if choice(machine))
    environments = deploying.environments(fleet, repo, (base, head))
    found: dict[str, list[Item]] = {}
    for box in boxes:
        items = _compare(*(catalog(fleet, server, box.certname, environment) for environment in environments))
        if items:
            found[box.certname] = items
    return Plan(base, head, len(boxes), 2 * len(boxes), plan.grouped(found), Unused(), (NOTE,))


def _compare(old: Catalog | str, new: Catalog | str) -> list[Item]:
    if isinstance(old, Catalog) and isinstance(new, Catalog):
        return plan.differences(old, new, Contents(old, None), Contents(new, None))
    side = "both" if isinstance(old, str) and isinstance(new, str) else "head" if isinstance(new, str) else "base"
    return [Failure(side, new if isinstance(new, str) else str(old))]


def catalog(fleet: Fleet, server: str, certname: str, environment: str) -> Catalog | str:
    """Return the catalog of a node in an environment; the server's message where it has none.

    A catalog has secrets in it: only an account that is root on the server can ask so.

    Args:
        fleet: whose server.
        server: the certname of the Puppet server.
        certname, environment: of the node, and what it would be given.

    Raises:
        FleetError: the server does not answer, or refuses the question.
    """
    question = {
        "certname": certname,
        "environment": environment,
        "persistence": {"facts": False, "catalog": False},
        "options": {"prefer_requested_environment": True},
    }
    try:
        answer = ssh.as_root(
            fleet,
            fleet.server,
            ["curl", "--silent", "--show-error", "--max-time", str(SECONDS), "--write-out", "\n%{http_code}",
             "--json", "@-", "--cacert", f"{_SSL}/certs/ca.pem", "--cert", f"{_SSL}/certs/{server}.pem",
             "--key", f"{_SSL}/private_keys/{server}.pem", f"https://{server}:8140/puppet/v4/catalog"],
            stdin=json.dumps(question),
        ).stdout  # fmt: skip
    except CommandFailedError as error:
        raise FleetError(f"{server}: the Puppet server does not answer: {error.output.strip()}") from None
    text, _, status = answer.rpartition("\n")
    return _read(text, status, f"{server}: catalog of {certname} in {environment}")


def _read(text: str, status: str, what: str) -> Catalog | str:
    try:
        data: Any = json.loads(text)
    except ValueError:
        data = text
    if status == "200" and isinstance(data, Mapping) and "catalog" in data:
        return Catalog(data["catalog"], what)
    message = str(data.get("message", data)) if isinstance(data, Mapping) else str(data)
    if status == "500":
        return message
    raise FleetError(f"{what}: status {status}: {message.strip()[:500]}")
