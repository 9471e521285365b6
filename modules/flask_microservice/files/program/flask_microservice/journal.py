"""Why a unit failed, in the words of its journal."""

import re
import subprocess
from collections.abc import Sequence

from .systemd import systemctl

LONGEST = 500
TELLING = (
    # What ends a traceback or a command: RuntimeError: text, Error: text, orders: error: text, or systemd's own words.
    re.compile(r"([A-Za-z_][\w.]*(Error|Exception)|Error|error|[\w./-]+: error): *\S"),
    re.compile(r".*(: Failed to (create|listen|locate|execute)|Failed at step \w+ )"),
    # The same without a text, which is better than any other line.
    re.compile(r"([A-Za-z_][\w.]*(Error|Exception))$"),
    # A line of a log.
    re.compile(r".*\b(ERROR|CRITICAL|FATAL|FAILED)\b"),
)


def last_words(unit: str) -> str:
    """Return the line of a unit's journal that most likely says why it failed."""
    # What a process wrote before it died may reach the journal a moment later.
    subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
    if unit.endswith(".socket"):
        said = most_telling(_lines(f"UNIT={unit}"))  # of a socket there are only systemd's own words
    else:
        invocation = systemctl("show", "--property=InvocationID", "--value", "--", unit, check=False).strip()
        of_this_start = [f"INVOCATION_ID={invocation}"] if invocation else []
        said = most_telling(_lines(f"_SYSTEMD_UNIT={unit}", *(f"_SYSTEMD_{match}" for match in of_this_start)))
        # A program that could not be executed has said nothing itself.
        said = said or most_telling(_lines(f"UNIT={unit}", *of_this_start))
    return said or f"nothing in its journal; see journalctl -u {unit}"


def most_telling(lines: Sequence[str]) -> str:
    """Return the line that says best why something failed: the last one of the most telling kind, or just the last."""
    for pattern in TELLING:
        found = [line for line in lines if pattern.match(line)]
        if found:
            return found[-1][:LONGEST]
    return lines[-1][:LONGEST] if lines else ""


def _lines(*matches: str) -> list[str]:
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=60", *matches]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return [line.strip() for line in result.stdout.splitlines() if line.strip()]
