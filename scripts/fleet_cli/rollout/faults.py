"""Whose fault it is that a run of an agent failed: that of what is rolled out, or that of something else."""

import re

from fleet_cli.fleet.agents import AgentRun
from fleet_cli.rollout.state import NodeChange
from fleet_cli.rollout.world import Fault, Outcome

ELSEWHERE = re.compile(
    r"""
    Failed\ to\ fetch | Unable\ to\ fetch\ some\ archives | Some\ index\ files\ failed\ to\ download   # apt
    | Temporary\ failure\ (?:in\ name\ resolution|resolving) | Could\ not\ (?:resolve|connect\ to)\ \S+
    | Name\ or\ service\ not\ known
    | Connection\ (?:refused|reset|timed\ out|failed) | No\ route\ to\ host | Network\ is\ unreachable
    | Failed\ to\ open\ TCP\ connection | Request\ to\ https?://\S+\ (?:failed|timed\ out|interrupted) | connect\(2\)
    | [Nn]o\ space\ left\ on\ device | Cannot\ allocate\ memory | Read-only\ file\ system
    | (?:Could\ not\ get|Unable\ to\ acquire|waiting\ for\ the)\ .{0,20}lock
    | PuppetDB | No\ more\ routes | Gateway\ Time-?out | Service\ Unavailable | \b50[234]\b\ on\ SERVER
    """,
    re.VERBOSE,
)
"""What messages of apt, Puppet, systemd and the kernel say where something is away that the change has no part in."""


def of(run: AgentRun, node: NodeChange | None, *, failed_before: bool) -> Outcome:
    """Return whose fault a run's end is.

    Args:
        node: what the rollout changes on the node; None where it changes nothing.
        failed_before: whether the node's last run before had failed, too: then it has something of its own.
    """
    if run.ok:
        return Outcome()
    told = [f"{one.resource}: {one.message}" for one in run.failed] + run.errors
    why = _line(told)
    if run.outcome in ("unreachable", "not run"):
        return Outcome(Fault.AWAY, why)
    releases = {f"Flask_microservice_release[{name}]" for name in node.services} if node else set()
    refused = [one for one in run.failed if one.resource in releases and not ELSEWHERE.search(one.message)]
    if refused:
        return Outcome(Fault.RELEASE, _line([f"{one.resource}: {one.message}" for one in refused]))
    if elsewhere := [text for text in told if ELSEWHERE.search(text)]:
        return Outcome(Fault.ELSEWHERE, _line(elsewhere))
    touched = releases | set(node.touched if node else ())
    if run.failed and not any(one.resource in touched for one in run.failed):
        # The node's own trouble: whether it had it before decides whether anybody waits for it.
        return Outcome(Fault.AWAY if failed_before else Fault.ELSEWHERE, f"{why}, which the rollout does not change")
    return Outcome(Fault.RELEASE, why)


def _line(told: list[str]) -> str:
    first = " ".join((told or ["it failed"])[0].split())
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return (first if len(first) <= 300 else first[:300] + "…") + more
