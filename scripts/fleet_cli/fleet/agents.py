"""`puppet agent` on many nodes at once, over ssh by ClusterShell."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml
from ClusterShell.Task import task_self

from fleet_cli.fleet import agent_messages, ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Named
from fleet_cli.machine import steps
from fleet_cli.machine.errors import FleetError

REPORT = "/var/cache/puppet/state/last_run_report.yaml"
_MARK = "----- fleet: last run report -----"
PROGRAM = "fleet-run"
"""The program on a node that runs the agent, and prints its new report after a line of its own, the mark."""
TIMEOUT_SECONDS = 600
LOCK = "/var/cache/puppet/state/agent_catalog_run.lock"
LOCK_LIMIT_SECONDS = 300
"""For how long fleet-run waits for the end of another run; the rest of TIMEOUT_SECONDS is for the run itself."""
FAN_OUT = 32
"""How many nodes are at work at a time."""

OUTCOMES = {0: "unchanged", 2: "changed", 4: "failed", 6: "failed"}
"""`puppet agent --detailed-exitcodes`, as puppet-agent(8) has it; with another status no run took place."""


@dataclass
class FailedResource:
    """A resource that the agent could not bring into its state."""

    resource: str
    where: str
    message: str


@dataclass
class PendingChange:
    """What the agent would do to a resource, and has not done, for it was to change nothing.

    Attributes:
        property: the property that would change; empty where the resource would be refreshed.
        message: Puppet's words for the change, in which a Sensitive value is `[redacted]`.
    """

    resource: str
    property: str
    message: str


@dataclass
class AgentRun:
    """What came of one run on one node.

    Attributes:
        outcome: unchanged, changed, would change, failed, not run or unreachable.
        noop: whether the run was to change nothing.
        changed: resources that were changed.
        would_change: what the agent would change, had it not been told to change nothing.
        restarted: services that were restarted or refreshed.
        switched: microservices that serve another release now, with what the node says of it.
        staying: microservices that are placed elsewhere now, and stay for the moment, with what they wait for.
        seconds: what the agent says the run took; 0.0 without a report.
        errors: what the agent printed as errors, each once and whole, but for what `failed` says already.
    """

    node: str
    outcome: str
    noop: bool = False
    changed: list[str] = field(default_factory=list)
    would_change: list[PendingChange] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)
    staying: dict[str, str] = field(default_factory=dict)
    failed: list[FailedResource] = field(default_factory=list)
    skipped: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the run did what it was asked to: the node is as declared, or what would change is known."""
        return self.outcome in ("unchanged", "changed", "would change")

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON has it."""
        return asdict(self)


def run(fleet: Fleet, nodes: Sequence[Named], *, noop: bool = False) -> list[AgentRun]:
    """Run the agent on nodes in parallel and say what came of it, node by node.

    Args:
        fleet: whose nodes.
        nodes: ssh reaches them by their certnames.
        noop: say what would change, change nothing.
    """
    task = task_self()
    task.set_info("ssh_options", shlex.join(ssh.options(fleet)))
    task.set_info("fanout", FAN_OUT)
    with steps.step(f"puppet agent on {_listed(nodes)}"):
        agent = ssh.program(PROGRAM, *(["--noop"] if noop else []))
        task.shell(agent, nodes=",".join(node.certname for node in nodes), timeout=TIMEOUT_SECONDS)
        task.resume()
    output = {
        str(node): bytes(buffer).decode(errors="replace") for buffer, nodes in task.iter_buffers() for node in nodes
    }
    status = {str(node): code for code, nodes in task.iter_retcodes() for node in nodes}
    results = [_result(node, status.get(node.certname), output.get(node.certname, "")) for node in nodes]
    for result in results:
        result.noop = result.noop or noop
    return results


def _listed(nodes: Sequence[Named]) -> str:
    """A few nodes by their names, of many how many there are."""
    return ", ".join(node.name for node in nodes) if len(nodes) <= 12 else f"{len(nodes)} nodes"


def _result(node: Named, status: int | None, output: str) -> AgentRun:
    printed, _, report = output.partition(_MARK)
    errors = agent_messages.errors(printed)
    if status is None:
        return AgentRun(node.name, "not run", errors=[*errors, f"no end after {TIMEOUT_SECONDS} s"])
    if status == ssh.UNREACHABLE:
        return AgentRun(node.name, "unreachable", errors=[*errors, ssh.why_not_reached(node.certname, printed)])
    if reason := ssh.why_not_allowed(PROGRAM, printed):
        return AgentRun(node.name, "not run", errors=[reason])
    result = AgentRun(node.name, OUTCOMES.get(status, "not run"), errors=errors)
    if reason := _why_not_begun(node, status, printed):
        result.errors = [reason]
        return result  # the report, if there is one, is of the other run
    if report.strip():
        _add_report(result, report)
    if not errors and not result.failed and not result.ok:
        result.errors = printed.strip().splitlines()[-3:]
    result.errors = [error for error in result.errors if not _told_by_failures(error, result.failed)]
    return result


def _why_not_begun(node: Named, status: int, printed: str) -> str | None:
    """Return why the agent left without an attempt, and what to do; None where it made one."""
    if status != 1:
        return None
    if agent_messages.gave_up(printed):
        return (
            f"another run of the agent has gone on for {LOCK_LIMIT_SECONDS} s on {node.name};"
            f" see there: ps -fp $(cat {LOCK})"
        )
    reason = agent_messages.disabled_because(printed)
    if reason is not None:
        return f"the agent is disabled on {node.name}: {reason}\nto enable it there: puppet agent --enable"
    return None


def _told_by_failures(error: str, failures: Sequence[FailedResource]) -> bool:
    return any(agent_messages.told(error, failure.resource, failure.message) for failure in failures)


def explain(run: AgentRun) -> list[str]:
    """Return what a person wants to read of a run: one line, and one more for each failure."""
    known = ", ".join([*_counts(run), f"{run.seconds:.1f} s"])
    lines = [f"{run.node}: {run.outcome}" + (f" ({known})" if run.seconds else "")]
    lines += [line for change in run.would_change for line in _indented(_pending(change))]
    lines += [f"  {name} restarted" for name in run.restarted]
    lines += [f"  {switch}" for switch in run.switched]
    lines += [f"  {name} stays here for now: {reason}" for name, reason in run.staying.items()]
    lines += [line for failure in run.failed for line in _indented(_failure(failure))]
    lines += [line for error in run.errors for line in _indented(error)]
    return lines


def _counts(run: AgentRun) -> list[str]:
    """How many resources came to what, which is not known of a run that did not take place."""
    if run.outcome == "not run":
        return []
    pending = len({change.resource for change in run.would_change})
    counts = [
        (pending, "to change", run.noop),
        (len(run.changed), "changed", not run.noop),
        (len(run.failed), "failed", False),
        (run.skipped, "skipped", False),
    ]
    return [f"{count} {word}" for count, word, always in counts if count or always]


def _pending(change: PendingChange) -> str:
    """A change that was not made, as Puppet's log has it."""
    return f"{change.resource}{f'/{change.property}' if change.property else ''}: {change.message}"


def _failure(failure: FailedResource) -> str:
    """A failed resource with its place; Puppet's own words for the place would say it twice."""
    file, _, line = failure.where.rpartition(":")
    text = f"{failure.resource} failed: {failure.message}".replace(f" (file: {file}, line: {line})", "").rstrip()
    if not failure.where:
        return text
    return text + ("\n" if "\n" in text else " ") + f"({failure.where})"


def _indented(text: str) -> list[str]:
    """The lines of a text, its further lines deeper than the first."""
    first, *others = text.splitlines() or [""]
    return [f"  {first}", *(f"    {line}".rstrip() for line in others)]


class _ReportLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads a report's Ruby objects as plain hashes."""


_ReportLoader.add_multi_constructor(
    "!ruby/",
    lambda loader, _suffix, node: (
        loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.MappingNode)
        else loader.construct_scalar(node)
    ),
)


def _add_report(result: AgentRun, text: str) -> None:
    try:
        report = yaml.load(text, Loader=_ReportLoader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise FleetError(f"{result.node}: the agent's report in {REPORT} can't be read: {error}") from None
    result.noop = bool(report.get("noop"))
    for name, state in (report.get("resource_statuses") or {}).items():
        events = state.get("events") or []
        result.would_change += [
            PendingChange(name, event.get("property") or "", event.get("message") or "")
            for event in events
            if event.get("status") == "noop"
        ]
        if state.get("failed") or state.get("failed_to_restart"):
            messages = [event["message"] for event in events if event.get("status") == "failure"]
            where = f"{state['file']}:{state['line']}" if state.get("file") else ""
            result.failed.append(FailedResource(name, where, "; ".join(messages) or "failed to restart"))
        elif state.get("changed"):
            result.changed.append(name)
            if release := re.fullmatch(r"Flask_microservice_release\[(.+)\]", name):
                result.switched += [f"{release[1]}: {event['message']}" for event in events if event.get("message")]
        if name.startswith("Service[") and any(event.get("name") == "refresh" for event in events):
            result.restarted.append(name)
        result.skipped += bool(state.get("skipped"))
    result.would_change += _pending_refreshes(report.get("logs") or [])
    result.staying = _staying(report.get("logs") or [])
    if result.noop and result.outcome == "unchanged" and result.would_change:
        result.outcome = "would change"
    times = (report.get("metrics") or {}).get("time", {}).get("values") or []
    result.seconds = float(next((value for name, _, value in times if name == "total"), 0.0))


_STAYS = re.compile(r"service (?P<name>\S+) stays here for now: (?P<reason>.+)", re.DOTALL)
"""The notice of Puppet's type flask_microservice_staying."""


def _staying(logs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What a node keeps for now, and what each of these services waits for."""
    found = [
        _STAYS.fullmatch(str(log.get("message")))
        for log in logs
        if "Flask_microservice_staying[" in str(log.get("source"))
    ]
    return {match["name"]: match["reason"] for match in found if match}


def _pending_refreshes(logs: Sequence[dict[str, Any]]) -> list[PendingChange]:
    """The restarts that did not take place, which a report has among its messages only.

    Puppet says the same of classes and defined types, for what is in them: without a path, which a resource has.
    """
    found = []
    for log in logs:
        source, message = str(log.get("source")), str(log.get("message"))
        if source.startswith("/") and message.startswith("Would have triggered "):
            *_, resource = re.split(r"/(?=[A-Z][\w:]*\[)", source)
            found.append(PendingChange(resource, "", message))
    return found
