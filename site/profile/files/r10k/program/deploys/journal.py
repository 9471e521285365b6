"""Who changed what: an entry in the journal for each change (journalctl -t deploy-environment -o json)."""

import os
import pwd
import socket
from pathlib import Path

JOURNAL = Path("/run/systemd/journal/socket")


def who() -> str:
    """The account behind this process: the one that called sudo, if one did."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name


def note(action: str, **fields: str) -> None:
    """Write an entry; fields become DEPLOY_NAME. Where there is no journal nothing is written."""
    fields = {"action": action, "by": who(), **fields}
    text = ", ".join(f"{name} {value}" for name, value in fields.items())
    entry = {
        "MESSAGE": text,
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": "deploy-environment",
        **{f"DEPLOY_{name.upper()}": value for name, value in fields.items()},
    }
    lines = "".join(f"{name}={value}\n" for name, value in entry.items() if "\n" not in value)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.sendto(lines.encode(), str(JOURNAL))
    except OSError:
        pass
