"""What the balancer of this machine has seen of each node, by service: HAProxy's own counters.

A request counts as failed if its client got a failure: a 5xx of the node, an answer that broke off, or HAProxy's own
502, 503 or 504 for want of an answer of the node. What HAProxy sent to another node instead has not failed.

HAProxy 3.0 counts no requests that were lost without an answer. It counts attempts: each that is made again in `wretr`
or `wredis`; after an empty answer in `wretr` once more, and in `eresp`. A last attempt is in `eresp` once if it took
too long, and twice if its answer was empty. tests/system/test_traffic.py holds all this against what clients get.
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

from operators import places, unix_socket

QUESTION = "show stat -1 6 -1\n"
"""Of all proxies, backends (2) and servers (4)."""

UPLOADS = ":uploads"
"""Ends the name of a service's second backend."""

Row = Mapping[str, str]


def counts(seconds: float) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by service and node: `requests`, `failed`, `mean_ms` of the last 1024, and whether it is `up`.

    Raises:
        OSError: HAProxy does not answer in time.
        ValueError, KeyError: it answers something else.
    """
    if not places.HAPROXY.exists():
        return {}
    return read(unix_socket.ask(places.HAPROXY, QUESTION, seconds))


def read(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what a table of statistics says."""
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("# ").strip())))
    servers = [row for row in rows if row["svname"] not in {"BACKEND", "FRONTEND"}]
    answered_by_haproxy = {row["pxname"]: _number(row, "hrsp_5xx") for row in rows if row["svname"] == "BACKEND"}
    for row in servers:
        answered_by_haproxy[row["pxname"]] -= _number(row, "hrsp_5xx")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in servers:
        service = row["pxname"].removesuffix(UPLOADS)
        node = found.setdefault(service, {}).setdefault(
            row["svname"], {"requests": 0, "failed": 0, "mean_ms": 0, "up": False}
        )
        lost = unanswered(row, answered_by_haproxy[row["pxname"]])
        requests = _number(row, "req_tot") + lost
        failed = _number(row, "hrsp_5xx") + _number(row, "srv_abrt") + lost
        total = node["requests"] + requests
        share = requests / total if total else 0
        node["mean_ms"] = round(node["mean_ms"] * (1 - share) + _number(row, "rtime") * share)
        node["requests"], node["failed"] = total, node["failed"] + failed
        if row["pxname"] == service:
            node["up"] = row["status"].startswith(("UP", "no check"))
    return found


def unanswered(row: Row, answered_by_haproxy: int) -> int:
    """Return how many requests a node has lost without an answer; of empty answers, up to half as many more.

    Args:
        row: the node in a service's backend.
        answered_by_haproxy: how many 5xx of its own HAProxy has sent to the clients of that backend: no more were lost.
    """
    refused = _number(row, "econ")
    attempts = _number(row, "stot") - _number(row, "scur") - _number(row, "req_tot") - refused
    again = _number(row, "wretr") + _number(row, "wredis")
    broken = _number(row, "eresp") - _number(row, "srv_abrt")
    # Three for each empty answer to the last attempt, two for each that took too long, none for what was made again.
    dropped = max(0, attempts - again + broken) // 2
    return min(refused + dropped, max(0, answered_by_haproxy))


def _number(row: Row, column: str) -> int:
    return int(row[column] or 0)
