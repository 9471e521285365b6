"""Who changed what: an entry in the journal for each change (journalctl -t deploy-environment -o json)."""

import os
import pwd
import socket
from pathlib import Path

JOURNAL = Path("/run/systemd/journal/socket")


def who() -> str:
    """The account behind this process: the one that called sudo, if one did."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name


def note(action: str, *, failure: bool = False, **fields: str) -> None:
    """Write an entry; fields become DEPLOY_NAME. Where there is no journal nothing is written."""
    fields = {"action": action, "by": who(), **fields}
    fields = {name: " ".join(value.split()) for name, value in fields.items()}
    text = ", ".join(f"{name} {value}" for name, value in fields.items())
    entry = {
        "MESSAGE": text,
        "PRIORITY": "3" if failure else "5",
        "SYSLOG_IDENTIFIER": "deploy-environment",
        **{f"DEPLOY_{name.upper()}": value for name, value in fields.items()},
    }
    lines = "".join(f"{name}={value}\n" for name, value in entry.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.sendto(lines.encode(), str(JOURNAL))
    except OSError:
        pass
