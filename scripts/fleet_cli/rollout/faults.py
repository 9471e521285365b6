"""Whose fault it is that a run of an agent failed: that of what is rolled out, or that of something else."""

import re

from fleet_cli.fleet.agents import AgentRun
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


def of(run: AgentRun, *, failed_before: bool) -> Outcome:
    """Return whose fault a run's end is.

    Args:
        failed_before: whether the node's last run before had failed, too: then it has something of its own.
    """
    if run.ok:
        return Outcome()
    told = [f"{one.resource}: {one.message}" for one in run.failed] + run.errors
    why = _line(told)
    if run.outcome in ("unreachable", "not run") or any("disabled" in error for error in run.errors):
        return Outcome(Fault.AWAY, why)
    own = [one for one in run.failed if not ELSEWHERE.search(one.message)]
    if any(one.resource.startswith("Flask_microservice_release[") for one in own):
        refused = next(one for one in own if one.resource.startswith("Flask_microservice_release["))
        return Outcome(Fault.RELEASE, _line([f"{refused.resource}: {refused.message}"]))
    if any(ELSEWHERE.search(text) for text in told):
        return Outcome(Fault.ELSEWHERE, _line([text for text in told if ELSEWHERE.search(text)]))
    if failed_before:
        return Outcome(Fault.AWAY, f"its runs failed before, too: {why}")
    return Outcome(Fault.RELEASE, why)


def _line(told: list[str]) -> str:
    first = " ".join((told or ["it failed"])[0].split())
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return (first if len(first) <= 300 else first[:300] + "…") + more
