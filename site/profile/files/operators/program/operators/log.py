"""fleet-log: what was done on this machine, by whom and from where."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from operators import arguments as checked
from operators import programs
from operators.printable import printable

MOST = 1000
DAYS = 90
FIELDS = ("action", "who", "from", "what", "outcome")


def main(arguments: Sequence[str]) -> int:
    """Print the records as JSON, one a line, the newest last."""
    checked.none(arguments)
    wanted = ",".join(["_HOSTNAME", *(f"FLEET_{name.upper()}" for name in FIELDS)])
    # Any account may write to the journal: only root's words count, and those of whatever decides who enrols.
    listing = programs.ask([
        "journalctl", "--quiet", "--no-pager", "--output=json", f"--output-fields={wanted}", f"--lines={MOST}",
        f"--since=-{DAYS}d", "SYSLOG_IDENTIFIER=fleet", "_UID=0",
        "+", "SYSLOG_IDENTIFIER=fleet", "_SYSTEMD_UNIT=fleet-enrolment.service",
    ]).stdout  # fmt: skip
    for line in listing.splitlines():
        entry = json.loads(line)
        if "FLEET_ACTION" in entry:
            print(json.dumps(_record(entry), ensure_ascii=False))
    return 0


def _record(entry: dict[str, Any]) -> dict[str, str]:
    seconds = int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000
    time = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    said = {name: printable(_text(entry.get(f"FLEET_{name.upper()}"))) for name in FIELDS}
    return {"time": time, "host": _text(entry.get("_HOSTNAME")), **said}


def _text(value: Any) -> str:
    """Return a field: journalctl gives a list of bytes for one with unprintable characters, of several the first."""
    if isinstance(value, list):
        is_bytes = all(isinstance(part, int) for part in value)
        return bytes(value).decode(errors="replace") if is_bytes else _text(value[0])
    return value if isinstance(value, str) else ""
