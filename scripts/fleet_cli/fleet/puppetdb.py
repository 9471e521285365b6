"""What PuppetDB knows: catalogs and reports, asked in PQL."""

import json
import ssl as tls
from typing import Any

import urllib3

from fleet_cli.fleet import ssh
from fleet_cli.fleet.description import Fleet, PuppetDB
from fleet_cli.fleet.ssh import NotAllowedError, NotReachedError
from fleet_cli.machine.errors import CommandFailedError, FleetError

QUERY = "fleet-query"
"""The program on the Puppet server that asks PuppetDB with the server's certificate."""
SECONDS = 60.0
SERVICE_TYPE = "Flask_microservice::Service"
BALANCED_TYPE = "Profile::Load_balancer::Service"


def query(fleet: Fleet, pql: str) -> list[dict[str, Any]]:
    """Return the rows that PuppetDB answers to a query.

    Raises:
        FleetError: PuppetDB does not answer, or refuses the query.
    """
    if fleet.puppetdb:
        with urllib3.PoolManager(ssl_context=_trust(fleet.puppetdb)) as asking:
            return ask(asking, fleet.puppetdb.url, pql)
    try:
        answer = ssh.run(fleet, fleet.server, QUERY, stdin=pql).stdout
    except (NotReachedError, NotAllowedError) as error:
        raise FleetError(f"PuppetDB can't be asked: {error}") from None
    except CommandFailedError as error:
        raise FleetError(
            f"PuppetDB on {fleet.server} does not answer: {error.output.strip().removeprefix(f'{QUERY}: ')}\n"
            f"try: ssh {fleet.server} systemctl status puppetdb"
        ) from None
    rows: list[dict[str, Any]] = json.loads(answer)
    return rows


def ask(asking: urllib3.PoolManager, url: str, pql: str) -> list[dict[str, Any]]:
    """Return the rows that the PuppetDB at a URL answers to a query.

    Raises:
        FleetError: it does not answer, or refuses the query.
    """
    address = f"{url.rstrip('/')}/pdb/query/v4"
    try:
        answer = asking.request("GET", address, fields={"query": pql}, timeout=SECONDS, retries=False)
        if answer.status != 200:
            raise FleetError(f"{address}: status {answer.status}: {answer.data.decode('utf-8', 'replace')[:300]}")
        rows: list[dict[str, Any]] = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise FleetError(f"{address}: no PuppetDB that answers: {error}") from None
    return rows


def _trust(puppetdb: PuppetDB) -> tls.SSLContext:
    try:
        trusted = tls.create_default_context(cafile=puppetdb.ca_file)
        trusted.load_cert_chain(puppetdb.certificate, puppetdb.key, password=lambda: _no_password(puppetdb))
    except (OSError, tls.SSLError) as error:
        files = f"{puppetdb.ca_file}, {puppetdb.certificate}, {puppetdb.key}"
        raise FleetError(f"the certificate for PuppetDB can't be used ({files}): {error}") from None
    return trusted


def _no_password(puppetdb: PuppetDB) -> str:
    raise FleetError(f"{puppetdb.key}: the key has a passphrase, which nobody is asked for: take one without")


def declared_services(fleet: Fleet) -> dict[str, list[dict[str, Any]]]:
    """Return by certname the parameters of each service in the node's newest catalog (secrets are not among them)."""
    return _by_certname(fleet, SERVICE_TYPE)


def balanced_services(fleet: Fleet) -> dict[str, list[dict[str, Any]]]:
    """Return by certname of a load balancer the parameters of each service that it has a port for."""
    return _by_certname(fleet, BALANCED_TYPE)


def _by_certname(fleet: Fleet, kind: str) -> dict[str, list[dict[str, Any]]]:
    rows = query(fleet, f'resources[certname, title, parameters] {{ type = "{kind}" order by certname, title }}')
    result: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        parameters = {**row["parameters"], "name": row["title"]}
        if parameters.get("ensure", "present") == "present":
            result.setdefault(row["certname"], []).append(parameters)
    return result
