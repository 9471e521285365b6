"""A unit started, and watched until it is ready or has failed."""

import time
from pathlib import Path

from .errors import SwitchError
from .health import unready
from .journal import complaints, last_words
from .reach import unanswered
from .systemd import failed_before_start, has_job, show, systemctl
from .unit import Unit

POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 0.5
WATCH_POLL_SECONDS = 0.2
PROPERTIES = ("ActiveState", "SubState", "NRestarts", "Result", "Job", "InvocationID")
STOPPED = "it was ready, but then it stopped"
RESULTS = {"success": "", "exit-code": "", "protocol": " (it ended before it was ready)"}
"""What systemd says of how a unit ended, where that is not to be told in its own word."""


def start_until_ready(name: str, check_socket: Path, unit: Unit) -> str:
    """Start a unit and wait until it answers its health check; SwitchError with the reason if it does not.

    Returns which start of it that was: one that ends is started anew by systemd, as soon as it is asked for its health.

    Args:
        name: the unit of a release, on the port or in a check.
        check_socket: where it answers health checks.
        unit: what it was made from.
    """
    socket_unit = name.removesuffix(".service") + ".socket"
    try:
        systemctl("start", socket_unit)
    except SwitchError:
        raise SwitchError(f"its socket for health checks can't be opened: {last_words(socket_unit)}") from None
    before = show([name], *PROPERTIES)[name]
    # One that runs already may have been restarted by systemd at some time; that is no failure of this start.
    restarts = before["NRestarts"] if before["ActiveState"] == "active" else "0"
    systemctl("start", "--no-block", name)
    deadline, reason, pause, invocation = 0.0, "it did not start", POLL_SECONDS, ""
    while True:
        state = require_running(name, unit, restarts=restarts, invocation=invocation)
        if state["ActiveState"] in ("active", "activating"):
            invocation = state["InvocationID"]
        if state["SubState"] == "start-pre":
            deadline = 0.0  # migrations have a deadline of their own, which systemd keeps (TimeoutStartSec=)
        elif not deadline:
            deadline = time.monotonic() + unit.seconds("ReadyDeadlineSec")
        if deadline and state["ActiveState"] == "activating":
            reason = "its application is still loading"
        if state["ActiveState"] == "active":
            reason = unready(check_socket, unit.setting("HealthPath"))
            if not reason:
                return invocation
        if deadline and time.monotonic() > deadline:
            within = f"not ready within {unit.setting('ReadyDeadlineSec')} s (deadlines.ready)"
            raise SwitchError(f"{within}: {'; '.join([reason, *_evidence(name, unit)])}")
        time.sleep(pause)  # longer each time: what starts slowly, beside others, is not to be slowed down
        pause = min(1.3 * pause, LONGEST_POLL_SECONDS)


def watch(name: str, check_socket: Path, unit: Unit, invocation: str) -> None:
    """See to it that a start which was ready stays so for as long as declared; SwitchError with the reason if not."""
    deadline = time.monotonic() + unit.seconds("WatchSec")
    while time.monotonic() < deadline:
        time.sleep(WATCH_POLL_SECONDS)
        require_running(name, unit, STOPPED, invocation=invocation)
        reason = unready(check_socket, unit.setting("HealthPath"))
        if reason:
            require_running(name, unit, STOPPED, invocation=invocation)
            raise SwitchError(f"it was ready, but then it no longer was: {'; '.join([reason, *_evidence(name, unit)])}")
    # The last answer may be that of another start.
    require_running(name, unit, STOPPED, invocation=invocation)


def _evidence(name: str, unit: Unit) -> list[str]:
    """Return what is to be seen of a release that runs and is not ready: an error in its journal, whom it waits for."""
    said, asked = complaints(name), ", ".join(unanswered(unit))
    return [*([f"its journal says {said}"] if said else []), *([f"it waits for {asked} to answer"] if asked else [])]


def require_running(name: str, unit: Unit, what: str = "", restarts: str = "0", invocation: str = "") -> dict[str, str]:
    """Return the state of a unit; SwitchError with the reason if it failed or was started again.

    Args:
        name: the unit.
        unit: what it was made from.
        what: what it means if it does not run; found out where it is not given.
        restarts: how often systemd had started it again before.
        invocation: which start of it has to be the last one, if there was one before.
    """
    state = show([name], *PROPERTIES)[name]
    if state["ActiveState"] == "inactive" and has_job(state):
        return state  # its start waits for its sockets
    again = invocation not in ("", state["InvocationID"])
    running = state["ActiveState"] in ("active", "activating", "reloading") and not again
    if running and state["NRestarts"] == restarts and not state["SubState"].startswith("auto-restart"):
        return state
    if again:
        raise SwitchError(f"{what or 'it ended before it was ready'}: {last_words(name, invocation)}")
    if state["Result"] == "timeout" and not what:
        raise SwitchError(f"{_what_took_too_long(name, unit)}: {last_words(name)}")
    result = RESULTS.get(state["Result"], f" ({state['Result']})")
    raise SwitchError(f"{what or _what_failed(name)}{result}: {last_words(name)}")


def _what_took_too_long(name: str, unit: Unit) -> str:
    """Return what systemd ended when its time was over."""
    seconds = unit.last("Service", "TimeoutStartSec")
    if failed_before_start(name):
        return f"its migrations did not end within {seconds} s (deadlines.migrate)"
    return f"not ready within {seconds} s (deadlines.ready)"


def _what_failed(name: str) -> str:
    command = failed_before_start(name)
    if not command:
        return "it did not start"
    return "its migrations failed" if "/migrated ||" in command else f"its ExecStartPre= failed, {command[:100]}"
