"""fleet-query: a question in PQL on standard input, and PuppetDB's rows.

Several questions are one JSON object, in which each has a name. The answer is an object, too: under each name its rows,
or a string that says why PuppetDB refuses that one.
"""

import http.client
import json
import ssl
import sys
from collections.abc import Sequence

from operators import arguments as checked
from operators import machine, places
from operators.errors import Failure, UsageError

LONGEST = 64 * 1024
PORT = 8081
TIMEOUT_SECONDS = 60


class Refused(Failure):
    """PuppetDB answers, but not this query."""


def main(arguments: Sequence[str]) -> int:
    """Ask; print the rows as JSON."""
    checked.none(arguments)
    asked = sys.stdin.buffer.read(LONGEST + 1)
    if len(asked) > LONGEST:
        raise UsageError(f"the query is longer than {LONGEST} bytes")
    try:
        text = asked.decode()
    except UnicodeDecodeError:
        raise UsageError("the query is not UTF-8") from None
    if not text.strip():
        raise UsageError("the query, in PQL, is expected on standard input")
    puppetdb = PuppetDB(machine.certname())
    # No query in PQL begins so.
    answer = puppetdb.several(_named(text)) if text.lstrip().startswith("{") else puppetdb.query(text)
    sys.stdout.buffer.write(answer)
    print()
    return 0


def _named(text: str) -> dict[str, str]:
    try:
        queries = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the queries are no JSON: {error}") from None
    if not all(isinstance(pql, str) for pql in queries.values()):
        raise UsageError("the queries are no JSON object in which each is a string")
    named: dict[str, str] = queries
    return named


class PuppetDB:
    """The PuppetDB of this machine, asked with the machine's own certificate over one connection.

    Its methods raise Failure if it does not answer.
    """

    def __init__(self, certname: str) -> None:
        self._certname = certname
        self._connection: http.client.HTTPSConnection | None = None

    def query(self, pql: str) -> bytes:
        """Return what it answers to a query: JSON.

        Raises:
            Refused: it refuses the query.
        """
        try:
            connection = self._connected()
            connection.request(
                "POST", "/pdb/query/v4", json.dumps({"query": pql}), {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            name = self._certname
            raise Failure(f"PuppetDB on {name} does not answer: {error}; see `systemctl status puppetdb`") from None
        if answer.status != http.client.OK:
            words = " ".join(said[:LONGEST].decode(errors="replace").split())[:500]
            raise Refused(f"PuppetDB on {self._certname} refuses the query (HTTP {answer.status}): {words}")
        return said

    def several(self, queries: dict[str, str]) -> bytes:
        """Return what it answers to queries, by their names: a JSON object of rows, or of why it refuses a query."""

        def one(pql: str) -> bytes:
            try:
                return self.query(pql)
            except Refused as error:
                return json.dumps(str(error)).encode()

        answers = (json.dumps(name).encode() + b": " + one(pql) for name, pql in queries.items())
        return b"{" + b", ".join(answers) + b"}"

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            trust = ssl.create_default_context(cafile=str(places.SSL / "certs/ca.pem"))
            name = self._certname
            trust.load_cert_chain(places.SSL / f"certs/{name}.pem", places.SSL / f"private_keys/{name}.pem")
            self._connection = http.client.HTTPSConnection(name, PORT, timeout=TIMEOUT_SECONDS, context=trust)
        return self._connection
