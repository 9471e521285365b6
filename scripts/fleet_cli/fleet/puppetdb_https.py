"""A PuppetDB that this machine asks itself, over https with a certificate of the person's own."""

import json
import ssl as tls
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import urllib3

from fleet_cli.fleet.description import PuppetDB
from fleet_cli.fleet.puppetdb import Answer, Rows
from fleet_cli.machine.errors import FleetError

SECONDS = 60.0
AT_ONCE = 4
"""Queries that are under way at a time."""


def query_all(puppetdb: PuppetDB, queries: Mapping[str, str]) -> dict[str, Answer]:
    """Ask queries side by side, by names of their own; return the answer to each.

    Raises:
        FleetError: the certificate can't be used.
    """
    with (
        urllib3.PoolManager(ssl_context=_trust(puppetdb), maxsize=AT_ONCE) as asking,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def one(pql: str) -> Answer:
            try:
                return ask(asking, puppetdb.url, pql)
            except FleetError as error:
                return error

        return dict(zip(queries, pool.map(one, queries.values()), strict=True))


def ask(asking: urllib3.PoolManager, url: str, pql: str) -> Rows:
    """Return the rows that the PuppetDB at a URL answers to a query.

    Raises:
        FleetError: it does not answer, or refuses the query.
    """
    address = f"{url.rstrip('/')}/pdb/query/v4"
    try:
        answer = asking.request("GET", address, fields={"query": pql}, timeout=SECONDS, retries=False)
        if answer.status != 200:
            raise FleetError(f"{address}: status {answer.status}: {answer.data.decode('utf-8', 'replace')[:300]}")
        rows: Rows = json.loads(answer.data)
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
