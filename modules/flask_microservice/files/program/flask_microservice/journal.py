"""Why a unit failed, in the words of its journal."""

import re
import subprocess
from collections.abc import Sequence

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
ENDED = re.compile(r".*: (Main|Control) process exited, (?P<how>.*)")
"""How a process ended, in systemd's words."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def last_words(unit: str) -> str:
    """Return the line of a unit's journal that most likely says why it failed."""
    own, systemds = _of_last_start(unit)
    # A program that could not be executed has said nothing itself.
    told = complaint(own) or complaint(systemds) or most_telling(own)
    if told:
        return told
    ended = [found["how"] for line in systemds if (found := ENDED.match(line))]
    return (
        f"it said nothing, and ended with {ended[-1]}" if ended else f"nothing in its journal; see journalctl -u {unit}"
    )


def complaints(unit: str) -> str:
    """Return the line of a unit's journal, if there is one, that says what is wrong with it while it runs."""
    own, _ = _of_last_start(unit)
    return complaint(own)


def most_telling(lines: Sequence[str]) -> str:
    """Return the line that says best why something failed: an error, or the last that does not say what goes on."""
    matters = [line for line in lines if not CHATTER.match(line)]
    return complaint(lines) or (matters[-1][:LONGEST] if matters else "")


def complaint(lines: Sequence[str]) -> str:
    """Return the last error of the most telling kind, and what it came from; the empty string if there is none."""
    plain = [line.removeprefix("| ").strip() for line in lines]
    for pattern in ERRORS:
        found = [number for number, line in enumerate(plain) if pattern.match(line)]
        if found:
            told = _whole(plain, found[-1])
            causes = [line for line in plain[: found[-1]] if CAUSE.match(line) and ERRORS[0].match(line)]
            if causes and not CAUSE.match(told):
                told = f"{told[: LONGEST // 2]} (after {causes[-1][: LONGEST // 2 - 10]})"
            return told[:LONGEST]
    return ""


def _whole(lines: Sequence[str], number: int) -> str:
    """Return a line with those after it if it only says that something follows."""
    told = [lines[number]]
    for line in lines[number + 1 : number + 4]:
        if CHATTER.match(line) or (len(told) == 1 and not UNFINISHED.search(told[0])):
            break
        told.append(line)
    return " ".join(told)


def _of_last_start(unit: str) -> tuple[list[str], list[str]]:
    """Return what a unit said since it was last started, and what systemd said of it."""
    # What a process wrote before it died may reach the journal a moment later.
    subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
    if unit.endswith(".socket"):
        return [], _lines(f"UNIT={unit}")
    invocation = systemctl("show", "--property=InvocationID", "--value", "--", unit, check=False).strip()
    match = [f"INVOCATION_ID={invocation}"] if invocation else []
    return _lines(f"_SYSTEMD_UNIT={unit}", *(f"_SYSTEMD_{one}" for one in match)), _lines(f"UNIT={unit}", *match)


def _lines(*matches: str) -> list[str]:
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=200", *matches]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return [line.strip() for line in COLOURS.sub("", result.stdout).splitlines() if line.strip()]
