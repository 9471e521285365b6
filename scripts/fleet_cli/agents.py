"""`puppet agent` on many nodes at once, over ssh by ClusterShell."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml
from ClusterShell.Task import task_self

from fleet_cli import paths, ssh, steps
from fleet_cli.errors import FleetError
from fleet_cli.labfile import Box

REPORT = "/var/cache/puppet/state/last_run_report.yaml"
_MARK = "----- fleet: last run report -----"
SSH_UNREACHABLE = 255
TIMEOUT_SECONDS = 600
FAN_OUT = 16

OUTCOMES = {0: "unchanged", 2: "changed", 4: "failed", 6: "failed"}
"""`puppet agent --detailed-exitcodes`, as puppet-agent(8) has it; with another status no run took place."""


@dataclass
class FailedResource:
    """A resource that the agent could not bring into its state."""

    resource: str
    where: str
    message: str


@dataclass
class AgentRun:
    """What came of one run on one node.

    Attributes:
        outcome: unchanged, changed, failed, not run or unreachable.
        changed: resources that were changed.
        restarted: services that were restarted or refreshed.
        switched: microservices that serve another release now, with what the node says of it.
        seconds: what the agent says the run took; 0.0 without a report.
        errors: what the agent printed as errors.
    """

    node: str
    outcome: str
    changed: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)
    failed: list[FailedResource] = field(default_factory=list)
    skipped: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the node is as it is declared now."""
        return self.outcome in ("unchanged", "changed")

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON has it."""
        return asdict(self)


def run(boxes: Sequence[Box], *, environment: str | None = None, noop: bool = False) -> list[AgentRun]:
    """Run the agent on nodes in parallel and say what came of it, node by node.

    Args:
        boxes: the nodes.
        environment: another environment than the node's own, for this run.
        noop: say what would change, change nothing.

    Raises:
        FleetError: one of them is not up at all.
    """
    for box in boxes:
        ssh.command(box)  # says so where one is not up
    extra = ([f"--environment={environment}"] if environment else []) + (["--noop"] if noop else [])
    # puppet-run is the same from a process that has loaded Puppet (profile::puppet_agent::preloaded).
    command = "$(command -v puppet-run || echo puppet agent --test)"
    agent = " ".join(["LC_ALL=C.UTF-8", command, "--color=false --waitforlock 120", *extra])
    remote = (
        f"sudo sh -c 'rm -f {REPORT}.before; cp -p {REPORT} {REPORT}.before 2>/dev/null; {agent} 2>&1; status=$?;"
        f' echo "{_MARK}"; cmp -s {REPORT} {REPORT}.before || cat {REPORT}; rm -f {REPORT}.before; exit $status\''
    )
    task = task_self()
    task.set_info("ssh_options", f"-F {paths.SSH_CONFIG}")
    task.set_info("fanout", FAN_OUT)
    with steps.step(f"puppet agent on {', '.join(box.name for box in boxes)}"):
        task.shell(remote, nodes=",".join(box.name for box in boxes), timeout=TIMEOUT_SECONDS)
        task.resume()
    output = {
        str(node): bytes(buffer).decode(errors="replace") for buffer, nodes in task.iter_buffers() for node in nodes
    }
    status = {str(node): code for code, nodes in task.iter_retcodes() for node in nodes}
    return [_result(box, status.get(box.name), output.get(box.name, "")) for box in boxes]


def _result(box: Box, status: int | None, output: str) -> AgentRun:
    printed, _, report = output.partition(_MARK)
    errors = [line for line in printed.splitlines() if line.startswith("Error:")]
    if status is None:
        return AgentRun(box.name, "not run", errors=[*errors, f"no end after {TIMEOUT_SECONDS} s"])
    if status == SSH_UNREACHABLE:
        return AgentRun(box.name, "unreachable", errors=printed.strip().splitlines()[-1:])
    result = AgentRun(box.name, OUTCOMES.get(status, "not run"), errors=errors)
    if not errors and not result.ok:
        result.errors = printed.strip().splitlines()[-3:]
    if report.strip():
        _add_report(result, report)
    return result


def explain(run: AgentRun) -> list[str]:
    """Return what a person wants to read of a run: one line, and one more for each failure."""
    counts = f"{len(run.changed)} changed" + (f", {len(run.failed)} failed" if run.failed else "")
    if run.skipped:
        counts += f", {run.skipped} skipped"
    lines = [
        f"{run.node}: {run.outcome} ({counts}, {run.seconds:.1f} s)" if run.seconds else f"{run.node}: {run.outcome}"
    ]
    lines += [f"  {name} restarted" for name in run.restarted]
    lines += [f"  {switch}" for switch in run.switched]
    for failure in run.failed:
        lines.append(
            f"  {failure.resource} failed: {failure.message}" + (f" ({failure.where})" if failure.where else "")
        )
    if not run.ok and not run.failed:
        lines += [f"  {line}" for line in run.errors]
    return lines


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
    for name, state in (report.get("resource_statuses") or {}).items():
        events = state.get("events") or []
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
    times = (report.get("metrics") or {}).get("time", {}).get("values") or []
    result.seconds = float(next((value for name, _, value in times if name == "total"), 0.0))
