"""fleet-report: what this machine does, as one JSON object. It changes nothing."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operators import arguments as checked
from operators import machine, places, programs


def main(arguments: Sequence[str]) -> int:
    """Print the report."""
    checked.none(arguments)
    print(json.dumps(report()))
    return 0


def report() -> dict[str, Any]:
    """Return the report: what is not there is None, and what can't be told is None with its error in `errors`."""
    errors: dict[str, str] = {}

    def part(name: str, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except Exception as error:  # whatever is wrong with one part, the others are told
            errors[name] = " ".join(str(error).split()) or type(error).__name__
            return None

    begun = part("last_run", _begin_last_run)
    services = part("services", _services)
    installed = part("installed", lambda: None if services is None else _installed(services))
    last_run = (part("last_run", lambda: _last_run(begun)) if begun else None) or {}
    return {
        "certname": part("certname", machine.certname),
        "time": _iso(datetime.now(UTC).timestamp()),
        "agent": {
            "disabled": part("disabled", _disabled),
            "running": part("running", _running),
            "last_run": last_run.get("last_run"),
            "failed": last_run.get("failed"),
        },
        "services": services,
        "installed": installed,
        "errors": errors,
    }


def _disabled() -> str | None:
    """Return why somebody has disabled the agent, None if nobody has."""
    file = places.STATE / "agent_disabled.lock"
    if not file.exists():
        return None
    text = file.read_text(encoding="utf-8", errors="replace")
    return (
        str(json.loads(text).get("disabled_message") or "reason not specified") if text.strip() else "no reason given"
    )


def _running() -> bool:
    """Whether a run is under way: a lock that its holder was killed with counts for nothing."""
    try:
        number = int((places.STATE / "agent_catalog_run.lock").read_text(encoding="utf-8"))
        return b"puppet" in (places.PROCESSES / str(number) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _begin_last_run() -> Callable[[], programs.Result]:
    """Have Ruby read what the last run came to, beside all else."""
    program = Path(__file__).with_name("last_run.rb")
    return programs.begin(
        [places.RUBY, "--disable=gems", program, places.SUMMARY, places.STATE / "last_run_report.yaml"]
    )


def _last_run(begun: Callable[[], programs.Result]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(begun().stdout)
    if found["last_run"] and found["last_run"]["time"] is not None:
        found["last_run"]["time"] = _iso(float(found["last_run"]["time"]))
    return found


def _services() -> list[dict[str, Any]] | None:
    if not places.FLASK_MICROSERVICE.exists():
        return None
    found: list[dict[str, Any]] = json.loads(programs.ask([places.FLASK_MICROSERVICE, "status", "--json"]).stdout)
    return found


def _installed(services: Sequence[dict[str, Any]]) -> dict[str, str | None]:
    """Return the versions of the packages that services run from, None for one that is not installed."""
    packages = sorted({_package(str(service["name"])) for service in services})
    if not packages:
        return {}
    form = "--showformat=${Package}\\t${db:Status-Status}\\t${Version}\\n"
    # It fails if it does not know one of them, and tells of the others.
    listing = programs.ask(["dpkg-query", "--show", form, "--", *packages], check=False).stdout
    rows = [line.split("\t") for line in listing.splitlines()]
    return {**dict.fromkeys(packages), **{name: version for name, status, version in rows if status == "installed"}}


def _package(service: str) -> str:
    """Return the package of a service: its unit says it; by default it has the service's name."""
    try:
        lines = (places.UNITS / f"{service}@.service").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return service
    named = [line.partition("=")[2].strip() for line in lines if line.startswith("Package=")]
    return checked.PACKAGE.check(named[0]) if named else service


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
