"""Why a unit failed, in the words of its journal."""

import re
import subprocess
from collections.abc import Sequence

from .printable import printable
from .systemd import systemctl

LONGEST = 500
EXCEPTION = re.compile(r"(([A-Za-z_]\w*\.)+[A-Z]\w*|\w*(Error|Exception|ExceptionGroup)): *\S")
ERRORS = (
    # What ends a traceback or a command: RuntimeError: text, Error: text, orders: error: text, or systemd's own words.
    re.compile(rf"{EXCEPTION.pattern}|(Error|error|Fatal Python error|[\w./-]+: error): *\S"),
    re.compile(r".*(: Failed to (create|listen|locate|execute)|Failed at step \w+ )"),
    # What a shell says, or a system call.
    re.compile(r".*: (not found|No such file or directory|Permission denied|No space left on device)$"),
    # The same without a text, which is better than any other line.
    re.compile(r"([A-Za-z_][\w.]*(Error|Exception))$"),
    # A line of a log, as text, as key=value and as JSON.
    re.compile(r".*\b(ERROR|CRITICAL|FATAL|FAILED)\b"),
    re.compile(r".*\blevel(name)?\"?\s*[=:]\s*\"?(error|critical|fatal)\b", re.IGNORECASE),
    re.compile(r".*\b(WARN|WARNING)\b"),
)
"""The lines that say why something failed, those first that say it best."""
CAUSE = re.compile(
    r".*(ModuleNotFoundError: |cannot open shared object file|No space left on device|Read-only file system"
    r"|Permission denied|Operation not permitted|name resolution|timed out|Network is unreachable)"
)
"""What lies under other errors, and would be mended first."""
UNFINISHED = re.compile(r"(:|\bvalidation errors? for \S+)$")
"""The end of a line that says only that something follows."""
CHATTER = re.compile(r".*(\b(INFO|DEBUG)\b|(?i:\blevel(name)?\"?\s*[=:]\s*\"?(info|debug)\b))")
"""A line that says what goes on, such as gunicorn's "Booting worker"."""
ENDED = re.compile(r".*: ((Main|Control) process exited, (?P<how>.*)|Deactivated successfully\.)$")
"""How a process ended, in systemd's words."""
GUNICORN = re.compile(r"^\[\d{4}-\d\d-\d\d [\d:]+ [+-]\d{4}\] \[\d+\] \[[A-Z]+\] ")
"""How gunicorn begins a line."""
CONSEQUENCE = re.compile(r".*\bWorker \(pid:\d+\) (exited with|was sent)")
"""What gunicorn says of a worker that has ended, for a reason of its own."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def last_words(unit: str, invocation: str = "") -> str:
    """Return the line of a unit's journal that most likely says why it failed.

    Args:
        unit: its name.
        invocation: which start is meant; the last one if that is not said.
    """
    own, systemds = _of_start(unit, invocation)
    # A program that could not be executed has said nothing itself.
    told = complaint(own) or complaint(systemds) or most_telling(own)
    if told:
        return told
    ended = [found["how"] or "no error" for line in systemds if (found := ENDED.match(line))]
    if not ended:
        return f"nothing in its journal; see journalctl -u {unit}"
    return f"it said nothing, and ended with {ended[-1]}"


def complaints(unit: str) -> str:
    """Return the line of a unit's journal, if there is one, that says what is wrong with it while it runs."""
    own, _ = _of_start(unit)
    return complaint(own)


def most_telling(lines: Sequence[str]) -> str:
    """Return the line that says best why something failed: an error, or the last that does not say what goes on."""
    matters = [line for line in lines if not CHATTER.match(line)]
    return complaint(lines) or (matters[-1][:LONGEST] if matters else "")


def complaint(lines: Sequence[str]) -> str:
    """Return the last error of the most telling kind, and what it came from; the empty string if there is none."""
    plain = [line.removeprefix("| ").strip() for line in lines]
    telling = [line for line in plain if not CONSEQUENCE.match(line)]
    for pattern in ERRORS:
        found = [number for number, line in enumerate(telling) if pattern.match(line)]
        if found:
            causes = [line for line in telling[: found[-1]] if CAUSE.match(line) and ERRORS[0].match(line)]
            told = _whole(telling, found[-1])
            return _after(told, "" if CAUSE.match(told) or not causes else causes[-1])
    consequences = [line for line in plain if CONSEQUENCE.match(line)]
    before = [line for line in telling if not CHATTER.match(line)]
    return _after(consequences[-1], before[-1] if before else "") if consequences else ""


def _after(told: str, cause: str) -> str:
    """Return a line, and the one that it comes from if there is one."""
    told = GUNICORN.sub("", told)
    return f"{told[: LONGEST // 2]} (after {cause[: LONGEST // 2 - 10]})" if cause else told[:LONGEST]


def _whole(lines: Sequence[str], number: int) -> str:
    """Return a line with those after it if it only says that something follows."""
    told = [lines[number]]
    for line in lines[number + 1 : number + 4]:
        if CHATTER.match(line) or (len(told) == 1 and not UNFINISHED.search(told[0])):
            break
        told.append(line)
    return " ".join(told)


def _of_start(unit: str, invocation: str = "") -> tuple[list[str], list[str]]:
    """Return what a unit has said since a start, the last one if no other is meant, and what systemd said of it."""
    # What a process wrote before it died may reach the journal a moment later.
    subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
    if unit.endswith(".socket"):
        return [], _lines(f"UNIT={unit}")
    invocation = invocation or systemctl("show", "--property=InvocationID", "--value", "--", unit, check=False).strip()
    match = [f"INVOCATION_ID={invocation}"] if invocation else []
    return _lines(f"_SYSTEMD_UNIT={unit}", *(f"_SYSTEMD_{one}" for one in match)), _lines(f"UNIT={unit}", *match)


def _lines(*matches: str) -> list[str]:
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=200", *matches]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    # It goes to terminals, and by the agent's report to others.
    return [printable(line.strip()) for line in COLOURS.sub("", result.stdout).splitlines() if line.strip()]
