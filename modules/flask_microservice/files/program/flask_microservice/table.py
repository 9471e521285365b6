"""Services as a table, for people."""

from collections.abc import Sequence

from .status import Status

HEALTH = {True: "ready", False: "not ready", None: ""}


def table(statuses: Sequence[Status]) -> str:
    """Return services as the lines of a table."""
    if not statuses:
        return "No service is declared on this node."
    rows = [("SERVICE", "STATE", "RELEASE", "HEALTH", "KEPT")]
    for status in statuses:
        said = "draining" if status.draining else HEALTH[status.ready]
        rows.append((status.name, status.state, status.release or "-", said, _others(status)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    return "\n".join([*lines, *(f"{status.name}: {status.note}" for status in statuses if status.note)])


def _others(status: Status) -> str:
    leaving = [release for release in status.finishing if release not in status.kept]
    said = [f"{one} (finishing)" if one in status.finishing else one for one in [*status.kept, *leaving]]
    return " ".join(said) or "-"
