"""Why a node is not as declared: the likely cause, in words, and since when."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet_cli.fleet.catalogs import Known
from fleet_cli.fleet.commits import SHORT, Commits
from fleet_cli.fleet.deploying import Given
from fleet_cli.fleet.nodes import Node
from fleet_cli.fleet.observed import ServiceStatus
from fleet_cli.fleet.records import Record
from fleet_cli.fleet.reports import Report

SILENT_SECONDS = 3 * 60 * 60
"""An agent that runs every half hour has missed six runs then."""
FAILED = "the last run failed"
"""Begins each cause that is a failure of the agent."""
LONGEST = 300
"""Characters of a failure that are worth showing."""


@dataclass(frozen=True)
class Cause:
    """Why, and since when: ISO 8601, empty if that is not known."""

    text: str
    since: str = ""


@dataclass(frozen=True)
class Causes:
    """What explains the differences of one node.

    Attributes:
        now: the present, in seconds since 1970.
        rollbacks: who went back on it, from its own journal.
    """

    node: Node
    known: Known | None
    report: Report | None
    given: Given | None
    commits: Commits
    now: float
    rollbacks: Sequence[Record] = ()

    def never_ran(self) -> Cause | None:
        """The node has no catalog, or never reported."""
        if self.known is None or self.known.environment or self.known.report_time:
            return None
        return Cause(f"it never ran: PuppetDB has no report of it; `fleet run {self.node.name}`")

    def trial(self) -> Cause | None:
        """The node is given something else for a while."""
        if self.given is None or self.given.scope != "node":
            return None
        until = f" until {local(iso(self.given.until))}" if self.given.until else ""
        return Cause(f"on trial of {self.given.what}{until}, set by {self.given.by}", iso(self.given.since))

    def other_commit(self) -> Cause | None:
        """What the node is given is not what is checked out."""
        given = self.given
        if given is None:
            return None
        if given.scope == "rollout":
            return Cause(f"a rollout of {given.by} gives it {given.what}: `fleet rollout status`", iso(given.since))
        if given.scope == "tier":
            text = f"the tier {self.node.tier} is given {given.what}, set by {given.by}"
            return Cause(text, iso(given.since))
        if self.commits.is_checkout(given.environment) is False:
            here, there = self.commits.checkout[:SHORT], self.commits.answers
            commit = there.commit_of(given.environment)[:SHORT] if there else given.environment
            return Cause(
                f"commit {commit} is deployed, and this checkout is at {here}: `fleet deploy` or `git pull`",
                self.commits.checkout_time,
            )
        if self.commits.changed:
            return Cause(f"the checkout has changes that are in no commit: {', '.join(self.commits.changed[:3])}")
        return None

    def not_run_since_deploy(self) -> Cause | None:
        """The newest catalog is of another commit than the node is given."""
        if not (self.known and self.known.environment and self.given):
            return None
        if self.known.environment == self.given.environment:
            return None
        text = f"no run has taken up {self.given.environment}, which it is given: `fleet run {self.node.name}`"
        return Cause(text, iso(self.given.since))

    def running(self) -> Cause | None:
        """A run is under way."""
        return Cause("a run of the agent is under way") if self.report and self.report.running else None

    def disabled(self) -> Cause | None:
        """Somebody disabled the agent."""
        if self.report is None or self.report.disabled is None:
            return None
        text = f"the agent is disabled: {self.report.disabled}; to enable it there: puppet agent --enable"
        return Cause(text, self.last_run)

    def silent(self) -> Cause | None:
        """The agent has not run for long."""
        if not self.last_run:
            return None
        seconds = self.now - datetime.fromisoformat(self.last_run).timestamp()
        if seconds < SILENT_SECONDS:
            return None
        return Cause(f"the agent is silent for {_duration(seconds)}: `fleet run {self.node.name}`", self.last_run)

    def failed(self, about: ServiceStatus | None = None) -> Cause | None:
        """The last run failed; of several failures, that is told which is about the service.

        The node itself knows it best, PuppetDB where the node is not reached.
        """
        run = self.report.last_run if self.report and not self.report.error else None
        if not (run.failed if run else self.known is not None and self.known.status == "failed"):
            return None
        told = [f"{one.resource}: {one.message}" for one in run.failures] if run else []
        if self.known and self.known.failure and not told:
            told = [self.known.failure]
        why = _worst(told, about.name if about else "")
        text = f"{FAILED}: {why}" if why else f"{FAILED}; see there: journalctl -t puppet-agent"
        return Cause(text, (self.known.last_good if self.known else "") or self.last_run)

    def failed_on(self, service: ServiceStatus) -> Cause | None:
        """The last run failed on this very service."""
        found = self.failed(service)
        return found if found and _is_about(found.text, service.name) else None

    def staying(self, service: ServiceStatus) -> Cause | None:
        """It is placed elsewhere now, and waits."""
        reason = self.known.staying.get(service.name) if self.known else None
        return Cause(f"placed elsewhere now, it stays here for now: {reason}") if reason else None

    def agent(self, about: ServiceStatus | None = None) -> Cause | None:
        """What keeps the agent from bringing the node into its state."""
        overdue = self.silent() if self.known and self.known.periodic else None
        return self.disabled() or self.failed(about) or overdue or self.not_run_since_deploy()

    def rolled_back(self, service: ServiceStatus) -> Cause | None:
        """Somebody went back from the declared release."""
        if service.state != "rolled-back":
            return None
        for record in reversed(self.rollbacks):
            if record.what.split()[:1] == [service.name] and record.done:
                where = f" from {record.origin}" if record.origin else ""
                return Cause(f"rolled back by hand by {record.who}{where}", record.time)
        return Cause("rolled back by hand, by whom no record says")

    @property
    def last_run(self) -> str:
        """When the agent last ran, as ISO 8601 has it; empty if that is not known."""
        if self.report and self.report.last_run:
            return self.report.last_run.time
        return self.known.report_time if self.known else ""


def iso(seconds: int | None) -> str:
    """Return a time in seconds since 1970 as ISO 8601 has it; empty without one."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def local(time: str) -> str:
    """Return a time of ISO 8601 as people here read it, without the seconds."""
    return datetime.fromisoformat(time).astimezone().strftime("%d %b %H:%M") if time else ""


def _is_about(text: str, service: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(service)}(?![\w-])", text) is not None


def _worst(told: Sequence[str], service: str) -> str:
    about = [text for text in told if service and _is_about(text, service)]
    first = " ".join((about or list(told) or [""])[0].split())
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return (first if len(first) <= LONGEST else first[:LONGEST] + "…") + more


def _duration(seconds: float) -> str:
    hours = int(seconds // 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} days"
