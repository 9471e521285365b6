"""What Puppet Server has told nodes: a file for each node, written by the node terminus `answers`.

    [{"environment": NAME, "run": TRANSACTION_UUID, "at": SECONDS_SINCE_1970, "tier": TIER}, …]    newest first

A run of the agent is told the same from its beginning to its end, whatever is deployed meanwhile. These files may be
lost: a run that is under way is then told what holds now.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from deploys.layout import Layout

RUN_SECONDS = 2 * 60 * 60
"""No run of an agent lasts longer. The terminus has the same number."""


def environments(layout: Layout) -> set[str]:
    """Return the environments that the last run of a node has used, or a run that may still be under way."""
    now = time.time()
    return {
        str(entry["environment"])
        for entries in _records(layout)
        for number, entry in enumerate(entries)
        if number == 0 or now - entry["at"] < RUN_SECONDS
    }


def tiers(layout: Layout) -> set[str]:
    """Return the tiers of the nodes that have asked."""
    return {str(entry["tier"]) for entries in _records(layout) for entry in entries[:1] if entry.get("tier")}


def tier_of(layout: Layout, certname: str) -> str | None:
    """Return the tier of a node, as its certificate had it when the node asked last; None if it never has."""
    with suppress(OSError, ValueError, LookupError):
        entries = json.loads((layout.given / f"{certname}.json").read_text(encoding="utf-8"))
        return str(entries[0]["tier"]) if entries[0].get("tier") else None
    return None


def _records(layout: Layout) -> Iterator[list[dict[str, Any]]]:
    if not layout.given.is_dir():
        return
    for path in layout.given.glob("*.json"):
        if not is_node(layout, path.stem):
            continue
        with suppress(OSError, ValueError):
            yield json.loads(path.read_text(encoding="utf-8"))


def is_node(layout: Layout, certname: str) -> bool:
    """Whether a node has a certificate; where the authority is on another machine, any may have one."""
    return not layout.signed.is_dir() or (layout.signed / f"{certname}.pem").is_file()
