"""What machines say of themselves: the JSON of fleet-report, read into types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet_cli.fleet import asking
from fleet_cli.fleet.asking import Said
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node

PROGRAM = "fleet-report"


@dataclass(frozen=True)
class Failure:
    """A resource that the last run of the agent could not bring into its state."""

    resource: str
    message: str


@dataclass(frozen=True)
class LastRun:
    """The last run of the agent on a node.

    Attributes:
        time: when it ended, as ISO 8601 has it; empty if it is not known.
        failed: whether a resource failed, or there was no catalog.
    """

    time: str = ""
    failed: bool = False
    failures: Sequence[Failure] = ()


@dataclass(frozen=True)
class Running:
    """A service as `flask-microservice status --json` has it; see there for the states."""

    name: str
    state: str = ""
    version: str = ""
    release: str = ""
    declared: str = ""
    draining: bool = False
    ready: bool | None = None
    undeclared: bool = False
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What a node says of itself.

    Attributes:
        error: why it said nothing; then nothing else here is known.
        reached: whether ssh came to it.
        disabled: why somebody disabled the agent; None if nobody did.
        running: whether a run of the agent is under way.
        services: by name; None if they are not known, and empty where there are none.
        installed: version by package; None for one that is not installed.
        unknown: what it could not tell, and why.
    """

    error: str = ""
    reached: bool = True
    time: str = ""
    disabled: str | None = None
    running: bool = False
    last_run: LastRun | None = None
    services: Mapping[str, Running] | None = None
    installed: Mapping[str, str | None] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


def collect(fleet: Fleet, nodes: Sequence[Node]) -> dict[str, Report]:
    """Ask nodes what they do; return their reports by certname."""
    (said,) = asking.ask(fleet, [node.certname for node in nodes], PROGRAM)
    return {certname: read(answer) for certname, answer in said.items()}


def read(said: Said) -> Report:
    """Read what fleet-report said."""
    if said.error:
        return Report(error=said.error, reached=said.reached)
    try:
        return _report(said.document())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Report(error=f"{PROGRAM} there says what can't be read ({error}): is its version another one?")


def _report(data: Mapping[str, Any]) -> Report:
    agent = data["agent"]
    services = data.get("services")
    errors = {str(part): str(why) for part, why in (data.get("errors") or {}).items()}
    if services is None and "services" not in errors:
        services = []  # the program that manages services is not there: there are none
    return Report(
        time=str(data.get("time") or ""),
        disabled=agent.get("disabled"),
        running=bool(agent.get("running")),
        last_run=_last_run(agent),
        services=None if services is None else {str(each["name"]): _service(each) for each in services},
        installed=data.get("installed") or {},
        unknown=errors,
    )


def _last_run(agent: Mapping[str, Any]) -> LastRun | None:
    run = agent.get("last_run")
    if not run:
        return None
    failures = [Failure(str(one["resource"]), str(one["message"])) for one in agent.get("failed") or []]
    status, count = run.get("status"), run.get("failures")
    # Without a report the summary has to do, which counts nothing where there was no catalog.
    failed = status == "failed" if status else bool(failures) or count is None or count > 0
    return LastRun(str(run.get("time") or ""), failed, failures)


def _service(data: Mapping[str, Any]) -> Running:
    return Running(
        str(data["name"]),
        str(data.get("state") or ""),
        str(data.get("version") or ""),
        str(data.get("release") or ""),
        str(data.get("declared") or ""),
        bool(data.get("draining")),
        data.get("ready"),
        bool(data.get("undeclared")),
        str(data.get("note") or ""),
    )
