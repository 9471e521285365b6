"""What systemd and its journal are asked and told."""

import re
import subprocess
from collections.abc import Sequence

from flask_microservice.errors import SwitchError


def systemctl(*arguments: str, check: bool = True) -> str:
    """Run systemctl; SwitchError with what it printed if it fails."""
    result = subprocess.run(["systemctl", "--no-ask-password", *arguments], capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        raise SwitchError(f"systemctl {' '.join(arguments)}: {' '.join(result.stderr.split())}")
    return result.stdout


def show(units: Sequence[str], *properties: str) -> dict[str, dict[str, str]]:
    """Ask systemd for properties of many units in one call; by unit."""
    if not units:
        return {}
    blocks = systemctl("show", f"--property={','.join(('Id', *properties))}", "--", *units).strip("\n").split("\n\n")
    found = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
    return {block["Id"]: block for block in found}


def active(unit: str) -> bool:
    """Return whether a unit is active."""
    return show([unit], "ActiveState")[unit]["ActiveState"] == "active"


def last_words(unit: str) -> str:
    """Return the line of a unit's journal that most likely says why it failed."""
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=60"]
    # Of a socket there are only systemd's own words.
    command.append(f"UNIT={unit}" if unit.endswith(".socket") else f"_SYSTEMD_UNIT={unit}")
    invocation = systemctl("show", "--property=InvocationID", "--value", unit, check=False).strip()
    if invocation and unit.endswith(".service"):
        command.append(f"_SYSTEMD_INVOCATION_ID={invocation}")
    # What a process wrote before it died may reach the journal a moment later.
    subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    words = r"([A-Za-z_][\w.]*(Error|Exception)|Error|error|usage)\b|.*: Failed to (create|listen)"
    errors = [line for line in lines if re.match(words, line)]
    if errors or lines:
        return (errors or lines)[-1][:500]
    return f"nothing in its journal; see journalctl -u {unit}"
