"""What PuppetDB knows: catalogs and reports, asked in PQL on the Puppet server, where it needs no certificate."""

import json
from typing import Any

from fleet_cli.fleet import ssh
from fleet_cli.lab.labfile import Box, Lab
from fleet_cli.machine.errors import CommandFailedError, FleetError

SERVICE_TYPE = "Flask_microservice::Service"
BALANCED_TYPE = "Profile::Load_balancer::Service"


def query(lab: Lab, pql: str) -> list[dict[str, Any]]:
    """Return the rows that PuppetDB answers to a query.

    Raises:
        FleetError: PuppetDB does not answer, or refuses the query.
    """
    try:
        answer = ssh.run(
            lab.server,
            ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "30", "--get",
             "http://127.0.0.1:8080/pdb/query/v4", "--data-urlencode", f"query={pql}"],
        ).stdout  # fmt: skip
    except CommandFailedError as error:
        raise FleetError(
            f"PuppetDB on {lab.server.certname} does not answer: {error}\n"
            f"try: fleet lab ssh {lab.server.name} -- systemctl status puppetdb"
        ) from None
    rows: list[dict[str, Any]] = json.loads(answer)
    return rows


def declared_services(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """Return by certname the parameters of each service in the node's newest catalog (secrets are not among them)."""
    return _by_certname(lab, SERVICE_TYPE)


def balanced_services(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """Return by certname of a load balancer the parameters of each service that it has a port for."""
    return _by_certname(lab, BALANCED_TYPE)


def _by_certname(lab: Lab, kind: str) -> dict[str, list[dict[str, Any]]]:
    rows = query(lab, f'resources[certname, title, parameters] {{ type = "{kind}" order by certname, title }}')
    result: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        parameters = {**row["parameters"], "name": row["title"]}
        if parameters.get("ensure", "present") == "present":
            result.setdefault(row["certname"], []).append(parameters)
    return result


def latest_report(lab: Lab, box: Box) -> dict[str, Any] | None:
    """Return the newest report of a node, None where there is none."""
    rows = query(lab, f'reports {{ certname = "{box.certname}" and latest_report? = true }}')
    return rows[0] if rows else None
