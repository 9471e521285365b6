"""What PuppetDB knows: catalogs and reports, asked in PQL."""

import json
from collections.abc import Mapping
from typing import Any

from fleet_cli.fleet import ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.ssh import NotAllowedError, NotReachedError
from fleet_cli.machine.errors import CommandFailedError, FleetError

QUERY = "fleet-query"
"""The program on the Puppet server that asks PuppetDB with the server's certificate."""
SERVICE_TYPE = "Flask_microservice::Service"
BALANCED_TYPE = "Profile::Load_balancer::Service"

Rows = list[dict[str, Any]]
Answer = Rows | FleetError
"""What came of one query of several."""


def query(fleet: Fleet, pql: str) -> Rows:
    """Return the rows that PuppetDB answers to a query.

    Raises:
        FleetError: PuppetDB does not answer, or refuses the query.
    """
    if fleet.puppetdb:
        return rows(query_all(fleet, {"query": pql})["query"])
    found: Rows = json.loads(_ask_server(fleet, pql))
    return found


def query_all(fleet: Fleet, queries: Mapping[str, str]) -> dict[str, Answer]:
    """Ask several queries, by names of their own, over one connection; return the answer to each.

    A query that PuppetDB refuses holds up no other. If it does not answer at all, each has that error.
    """
    try:
        if fleet.puppetdb:
            # Most fleets have no need of it, and it takes longer to load than a query to answer.
            from fleet_cli.fleet import puppetdb_https  # noqa: PLC0415

            return puppetdb_https.query_all(fleet.puppetdb, queries)
        said: dict[str, Rows | str] = json.loads(_ask_server(fleet, json.dumps(dict(queries))))
    except FleetError as error:
        return dict.fromkeys(queries, error)
    return {name: FleetError(f"PuppetDB on {fleet.server}: {one}") if isinstance(one, str) else one
            for name, one in said.items()}  # fmt: skip


def rows(answer: Answer) -> Rows:
    """Return the rows of an answer.

    Raises:
        FleetError: there are none: PuppetDB did not answer, or refused the query.
    """
    if isinstance(answer, FleetError):
        raise answer
    return answer


def _ask_server(fleet: Fleet, asked: str) -> str:
    """What fleet-query prints on the Puppet server."""
    try:
        return ssh.run(fleet, fleet.server, QUERY, stdin=asked).stdout
    except (NotReachedError, NotAllowedError) as error:
        raise FleetError(f"PuppetDB can't be asked: {error}") from None
    except CommandFailedError as error:
        raise FleetError(
            f"PuppetDB on {fleet.server} does not answer: {error.output.strip().removeprefix(f'{QUERY}: ')}\n"
            f"try: ssh {fleet.server} systemctl status puppetdb"
        ) from None


def declared_services(fleet: Fleet) -> dict[str, list[dict[str, Any]]]:
    """Return by certname the parameters of each service in the node's newest catalog (secrets are not among them)."""
    return by_certname(query(fleet, of_type(SERVICE_TYPE)))


def balanced_services(fleet: Fleet) -> dict[str, list[dict[str, Any]]]:
    """Return by certname of a load balancer the parameters of each service that it has a port for."""
    return by_certname(query(fleet, of_type(BALANCED_TYPE)))


def of_type(kind: str) -> str:
    """Return the query for resources of a type, whose rows `by_certname` understands."""
    return f'resources[certname, title, parameters] {{ type = "{kind}" order by certname, title }}'


def by_certname(rows: Rows) -> dict[str, Rows]:
    """Return by certname the parameters of each resource that is to be there, with its name."""
    result: dict[str, Rows] = {}
    for row in rows:
        parameters = {**row["parameters"], "name": row["title"]}
        if parameters.get("ensure", "present") == "present":
            result.setdefault(row["certname"], []).append(parameters)
    return result
