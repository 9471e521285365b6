"""A unit of a release from its start to its first good answer."""

import re
import time
from pathlib import Path

from flask_microservice.errors import SwitchError
from flask_microservice.health import ready
from flask_microservice.systemd import last_words, show, systemctl
from flask_microservice.units import Unit

POLL_SECONDS = 0.1


def start_until_ready(name: str, path: Path, unit: Unit) -> None:
    """Start a unit and wait until it answers its health check.

    Args:
        name: the unit.
        path: its socket for health checks.
        unit: what its release declares: deadline and path of the health check.

    Raises:
        SwitchError: it failed, or its deadline has passed.
    """
    check_socket = name.removesuffix(".service") + ".socket"
    try:
        systemctl("start", check_socket)
    except SwitchError:
        raise SwitchError(f"its socket for health checks can't be opened: {last_words(check_socket)}") from None
    systemctl("start", "--no-block", name)
    deadline = 0.0
    reason = "it did not start"
    while True:
        state = require_running(name)
        # Migrations have a deadline of their own, which systemd keeps (TimeoutStartSec=).
        if state["SubState"] not in ("dead", "start-pre") and not deadline:
            deadline = time.monotonic() + unit.seconds("ReadyDeadlineSec")
        if state["ActiveState"] == "active":
            reason = ready(path, unit.setting("HealthPath"))
            if not reason:
                return
        if deadline and time.monotonic() > deadline:
            raise SwitchError(f"not ready within {unit.setting('ReadyDeadlineSec')} s: {reason}")
        time.sleep(POLL_SECONDS)


def require_running(name: str, what: str = "") -> dict[str, str]:
    """Return the state of a unit; SwitchError with the reason if it failed or was started again."""
    properties = ("ActiveState", "SubState", "NRestarts", "Result", "ExecStartPre", "ExecMainStatus", "Job")
    state = show([name], *properties)[name]
    if state["ActiveState"] == "inactive" and state.get("Job", "0") != "0":
        return state  # its start waits for its sockets
    running = state["ActiveState"] in ("active", "activating", "reloading")
    if running and state["NRestarts"] == "0" and not state["SubState"].startswith("auto-restart"):
        return state
    if not what:
        what = "its migrations failed" if _failed(state["ExecStartPre"]) else "it did not start"
    result = "" if state["Result"] in ("success", "exit-code") else f" ({state['Result']})"
    raise SwitchError(f"{what}{result}: {last_words(name)}")


def _failed(executed: str) -> bool:
    """Return whether a command of a unit, as `systemctl show` prints it, has ended badly."""
    ended = re.search(r" ; code=(\w+) ; status=(\d+)(/\w+)? \}$", executed)
    return ended is not None and (ended[1], ended[2]) != ("exited", "0")
