"""systemd asked and told, through systemctl."""

import re
import subprocess
import threading
from collections.abc import Mapping, Sequence

from .errors import SwitchError

EXECUTED = re.compile(
    r"argv\[\]=(?P<argv>.*) ; ignore_errors=(?P<ignored>yes|no) ; start_time=\[[^\]]*\] ; stop_time=\[[^\]]*\]"
    r" ; pid=(?P<pid>\d+) ; code=(?P<code>\S+) ; status=(?P<status>\d+)(/\S*)? \}\s*\Z",
    re.DOTALL,  # a command may have line breaks, and whatever else is in this pattern
)


def systemctl(*arguments: str, check: bool = True) -> str:
    """Run systemctl; SwitchError with what it printed if it fails."""
    command = ["systemctl", "--no-ask-password", *arguments]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if check and result.returncode != 0:
        said = " ".join(result.stderr.split()) or f"exit status {result.returncode}"
        raise SwitchError(f"systemctl {' '.join(arguments)}: {said}")
    return result.stdout


class _Reloading:
    """Have systemd read its units again: threads that ask while it does so share the next time.

    It takes the longer the more services there are.
    """

    def __init__(self) -> None:
        self._counting, self._running = threading.Lock(), threading.Lock()
        self._asked = self._done = 0

    def __call__(self) -> None:
        with self._counting:
            self._asked += 1
            mine = self._asked
        with self._running:
            if self._done >= mine:
                return
            with self._counting:
                covered = self._asked
            systemctl("daemon-reload")
            self._done = covered


reload = _Reloading()


def show(units: Sequence[str], *properties: str) -> dict[str, dict[str, str]]:
    """Ask systemd for properties of many units in one call; by unit.

    A property has one value here: those that systemctl prints on several lines (ExecStartPre) are for `failed_command`.
    """
    if not units:
        return {}
    blocks = systemctl("show", f"--property={','.join(('Id', *properties))}", "--", *units).strip("\n").split("\n\n")
    found = [{key: value for key, _, value in (line.partition("=") for line in block.splitlines())} for block in blocks]
    return {block["Id"]: block for block in found}


def is_active(unit: str) -> bool:
    """Whether a unit is active."""
    return show([unit], "ActiveState")[unit]["ActiveState"] == "active"


def is_finishing(state: Mapping[str, str]) -> bool:
    """Whether a unit has been told to stop and has not ended: requests that it has begun are still under way.

    Args:
        state: its ActiveState and Job.
    """
    waits_to_stop = state["ActiveState"] == "active" and has_job(state)
    return waits_to_stop or state["ActiveState"] == "deactivating"


def has_job(state: Mapping[str, str]) -> bool:
    """Whether something that a unit was told to do waits for its turn, or is under way."""
    return state.get("Job", "") not in ("", "0")


def finishing(units: Sequence[str]) -> set[str]:
    """Return those of some units that have been told to stop and have not ended."""
    return {unit for unit, state in show(units, "ActiveState", "Job").items() if is_finishing(state)}


def run_after(units: Sequence[str], *command: str) -> None:
    """Have systemd run a command once units have ended that were told to stop; SwitchError if it does not take it.

    Nobody waits for it: its start is in systemd's queue until then.
    """
    after = [f"--property=After={unit}" for unit in units]
    result = subprocess.run(
        ["systemd-run", "--no-ask-password", "--quiet", "--collect", "--no-block", *after, *command],
        capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if result.returncode != 0:
        raise SwitchError(f"systemd-run {' '.join(command)}: {' '.join(result.stderr.split())}")


def failed_before_start(unit: str) -> str:
    """Return the command of a unit's ExecStartPre= for which its main process was never started; else nothing."""
    started = systemctl("show", "--property=ExecMainStartTimestampMonotonic", "--value", "--", unit).strip()
    if started not in ("", "0"):
        return ""
    return failed_command(systemctl("show", "--property=ExecStartPre", "--", unit))


def failed_command(shown: str) -> str:
    """Return the first command that failed, of what `systemctl show` prints of ExecStartPre; else nothing.

    One that has not ended counts as well: the unit is no longer starting when this is asked, so it is being killed.
    """
    for entry in re.split(r"^ExecStartPre=(?=\{ path=)", shown, flags=re.MULTILINE):
        found = EXECUTED.search(entry)
        if not found or found["ignored"] == "yes":
            continue
        ended_well = (found["code"], found["status"]) == ("exited", "0")
        never_ran = found["code"] == "(null)" and found["pid"] == "0"
        if not (ended_well or never_ran):
            return found["argv"]
    return ""
