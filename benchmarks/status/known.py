"""PuppetDB told of nodes that are not there, each like one of the lab's: run as root on the lab's Puppet server.

known.py add CERTNAME... < sources     # sources: certnames of the nodes they are like, one a line
known.py remove CERTNAME...
"""

import configparser
import http.client
import json
import ssl
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

PORT = 8081
AT_ONCE = 4
SSL = "/var/lib/puppet/ssl"
SECONDS = 300


class PuppetDB:
    """The PuppetDB of this machine; a connection for each thread."""

    def __init__(self) -> None:
        settings = configparser.ConfigParser(interpolation=None)
        settings.read("/etc/fleet-operators.ini")
        self.certname = settings["machine"]["certname"]
        self._trust = ssl.create_default_context(cafile=f"{SSL}/certs/ca.pem")
        self._trust.load_cert_chain(f"{SSL}/certs/{self.certname}.pem", f"{SSL}/private_keys/{self.certname}.pem")
        self._own = threading.local()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that it answers; exits if it refuses."""
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPSConnection(
                self.certname, PORT, timeout=SECONDS, context=self._trust
            )
        data = None if body is None else json.dumps(body)
        self._own.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self._own.connection.getresponse()
        said = answer.read()
        if answer.status != http.client.OK:
            sys.exit(f"{method} {path}: HTTP {answer.status}: {said[:500]!r}")
        return json.loads(said)

    def command(self, command: str, version: int, certname: str, payload: dict[str, Any]) -> None:
        """Have a command done, and wait for its end."""
        now = datetime.now(UTC).isoformat()
        words = {"command": command.replace(" ", "_"), "version": version, "certname": certname,
                 "producer-timestamp": now, "secondsToWaitForCompletion": SECONDS}  # fmt: skip
        own = {"certname": certname, "producer_timestamp": now, **payload}
        said = self.call("POST", f"/pdb/cmd/v1?{urlencode(words)}", own)
        if not said.get("processed") or said.get("error"):
            sys.exit(f"{command} {certname}: {said}")


class Like:
    """A node to make others like."""

    def __init__(self, puppetdb: PuppetDB, certname: str) -> None:
        catalog = puppetdb.call("GET", f"/pdb/query/v4/catalogs/{certname}")
        facts = puppetdb.call("GET", f"/pdb/query/v4/factsets/{certname}")
        (report,) = _newest(puppetdb, certname)
        environment, producer = catalog["environment"], catalog["producer"]
        own = {"environment": environment, "producer": producer}
        self._facts = {**own, "values": {each["name"]: each["value"] for each in facts["facts"]["data"]}}
        self._catalog = {
            **own, "version": catalog["version"], "code_id": None, "job_id": None,
            "edges": [_edge(each) for each in catalog["edges"]["data"]],
            "resources": [
                {key: each[key] for key in ("type", "title", "exported", "file", "line", "tags", "parameters")}
                for each in catalog["resources"]["data"]
            ],
        }  # fmt: skip
        kept = ("puppet_version", "report_format", "configuration_version", "start_time", "end_time", "noop",
                "noop_pending", "corrective_change", "status", "cached_catalog_status")  # fmt: skip
        self._report = {
            **own, **{key: report[key] for key in kept}, "code_id": None, "job_id": None, "resources": [],
            "metrics": [], "logs": [],
        }  # fmt: skip

    def add(self, puppetdb: PuppetDB, certname: str) -> None:
        """Tell of another node."""
        run, catalog = str(uuid.uuid4()), str(uuid.uuid4())
        both = {"transaction_uuid": run, "catalog_uuid": catalog}
        puppetdb.command("replace facts", 5, certname, self._facts)
        puppetdb.command("replace catalog", 9, certname, {**self._catalog, **both})
        puppetdb.command("store report", 8, certname, {**self._report, **both})


def _newest(puppetdb: PuppetDB, certname: str) -> Iterator[dict[str, Any]]:
    pql = f'reports {{ certname = "{certname}" and latest_report? = true }}'
    yield from puppetdb.call("POST", "/pdb/query/v4", {"query": pql})


def _edge(each: dict[str, str]) -> dict[str, Any]:
    ends = {end: {"type": each[f"{end}_type"], "title": each[f"{end}_title"]} for end in ("source", "target")}
    return {**ends, "relationship": each["relationship"]}


def _for_each(certnames: Iterable[str], do: Callable[[int, str], None]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(do, number, certname) for number, certname in enumerate(certnames)]:
            done.result()


def main() -> None:
    """Do what the arguments say."""
    what, *certnames = sys.argv[1:]
    puppetdb = PuppetDB()
    if what == "add":
        likes = [Like(puppetdb, certname) for certname in sys.stdin.read().split()]
        _for_each(certnames, lambda number, certname: likes[number % len(likes)].add(puppetdb, certname))
    else:
        _for_each(certnames, lambda _, certname: puppetdb.call(
            "POST", "/pdb/admin/v1/cmd", {"command": "delete", "version": 1, "payload": {"certname": certname}}
        ))  # fmt: skip


main()
