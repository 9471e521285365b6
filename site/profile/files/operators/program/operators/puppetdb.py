"""fleet-query: a question in PQL on standard input, and PuppetDB's rows."""

import http.client
import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

from operators import arguments as checked
from operators import machine, places
from operators.errors import Failure, UsageError

LONGEST = 64 * 1024
PORT = 8081
TIMEOUT_SECONDS = 60


def main(arguments: Sequence[str]) -> int:
    """Ask; print the rows as JSON."""
    checked.none(arguments)
    pql = sys.stdin.buffer.read(LONGEST + 1)
    if len(pql) > LONGEST:
        raise UsageError(f"the query is longer than {LONGEST} bytes")
    try:
        text = pql.decode()
    except UnicodeDecodeError:
        raise UsageError("the query is not UTF-8") from None
    if not text.strip():
        raise UsageError("the query, in PQL, is expected on standard input")
    sys.stdout.buffer.write(query(machine.certname(), text))
    print()
    return 0


def query(certname: str, pql: str) -> bytes:
    """Return what PuppetDB answers to a query: JSON.

    Raises:
        Failure: it does not answer, or refuses the query.
    """
    request = urllib.request.Request(
        f"https://{certname}:{PORT}/pdb/query/v4",
        data=json.dumps({"query": pql}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        trust = ssl.create_default_context(cafile=str(places.SSL / "certs/ca.pem"))
        trust.load_cert_chain(places.SSL / f"certs/{certname}.pem", places.SSL / f"private_keys/{certname}.pem")
        # No proxy of the caller's, or of anybody's.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            rows: bytes = answer.read()
    except urllib.error.HTTPError as error:
        said = " ".join(error.read(LONGEST).decode(errors="replace").split())[:500]
        raise Failure(f"PuppetDB on {certname} refuses the query (HTTP {error.code}): {said}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Failure(f"PuppetDB on {certname} does not answer: {reason}; see `systemctl status puppetdb`") from None
    return rows
