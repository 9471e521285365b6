"""The fleet itself, as the controller of a rollout uses it: over ssh, by the programs of profile::operators."""

import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ClusterShell.Task import task_self

from fleet_cli.fleet import agents, asking, catalogs, deploying, nodes, reports, ssh
from fleet_cli.fleet.catalogs import Catalogs
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import BALANCER_ROLE, Node
from fleet_cli.machine import paths, process, steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import checks, faults, webhook
from fleet_cli.rollout.checks import Verdict
from fleet_cli.rollout.judging import Counts
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import Rollout
from fleet_cli.rollout.world import Event, Fault, Outcome, Serving, Traffic

TRAFFIC = "fleet-traffic"
ROLLBACK = "fleet-rollback"
ROLLBACK_SECONDS = 120
OTHERS = 20
"""So many nodes that do not change are looked at beside those that do."""


class FleetWorld:
    """A fleet. What it knows of all nodes it asks PuppetDB for once."""

    def __init__(
        self,
        fleet: Fleet,
        repo: Path,
        settings: Mapping[str, Settings],
        report: Callable[[str], None] = steps.say,
        known: Sequence[Node] | None = None,
    ) -> None:
        """See World.

        Args:
            settings: by tier.
            report: where it goes what came of a wave.
            known: all nodes, where PuppetDB was asked for them already.
        """
        self._fleet, self._repo, self._settings, self._report = fleet, repo, settings, report
        self._given = known

    def now(self) -> float:
        """The time, in seconds since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def say(self, text: str) -> None:
        """Tell the person who waits what is being done."""
        steps.say(text)

    def report(self, text: str) -> None:
        """Tell what came of a wave."""
        self._report(text)

    # The server

    def begin(self, rollout: Rollout, tier: str) -> None:
        """Have the server know the rollout of a tier."""
        deploying.begin(self._fleet, rollout.number, rollout.epoch, tier, rollout.goal[tier])

    def give(self, rollout: Rollout, tier: str, nodes: Sequence[str]) -> None:
        """Have the server give the commit to these nodes of a tier."""
        deploying.give(self._fleet, rollout.number, rollout.epoch, tier, rollout.goal[tier], nodes)

    def finish(self, rollout: Rollout) -> None:
        """Have the server give each tier its commit; with the last one, the fleet gets it."""
        same = rollout.whole and len(set(rollout.goal.values())) == 1
        for number, tier in enumerate(rollout.tiers, 1):
            last = same and number == len(rollout.tiers)
            deploying.finish(self._fleet, rollout.number, rollout.epoch, tier, rollout.goal[tier], whole=last)

    def take_back(self, rollout: Rollout) -> None:
        """Have the server give all nodes what they were given before."""
        for tier in rollout.tiers:
            deploying.abort(self._fleet, rollout.number, rollout.epoch, tier)

    # Nodes

    def run(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[str, Outcome]:
        """Have agents run: databases, others, balancers."""
        known = [self._node(certname) for certname in nodes]
        with ThreadPoolExecutor(max_workers=1) as pool:
            # PuppetDB is asked long before the first report of these runs comes to it.
            asked = pool.submit(self._failed_before, nodes)
            runs = [result for group in _in_order(known) for result in agents.run(self._fleet, group)]
            before = asked.result()
        by_name = {node.name: node.certname for node in known}
        return {
            certname: faults.of(one, rollout.nodes.get(certname), failed_before=certname in before)
            for one in runs
            for certname in (by_name[one.node],)
        }

    def run_again(self, rollout: Rollout) -> Mapping[str, Outcome]:
        """Have those run again that keep a service for now, and then the balancers of their tiers."""
        found = catalogs.collect(self._fleet, sorted(rollout.nodes))
        keeping = [certname for certname in rollout.nodes if found.of(certname).staying]
        tiers = {rollout.nodes[certname].tier for certname in keeping}
        balancers = [one.certname for one in self._known if one.role == BALANCER_ROLE and one.tier in tiers]
        both = {**self.run(rollout, keeping), **self.run(rollout, balancers)} if keeping else {}
        return {self._node(certname).name: outcome for certname, outcome in both.items()}

    def serve_again(self, releases: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str], str]:
        """Have kept releases serve again, all at once."""
        task = task_self()
        task.set_info("ssh_options", shlex.join(ssh.options(self._fleet)))
        task.set_info("fanout", agents.FAN_OUT)
        workers = {
            (certname, service): task.shell(
                ssh.program(ROLLBACK, "--now", service, release), nodes=certname, timeout=ROLLBACK_SECONDS, stdin=False
            )
            for certname, service, release in releases
        }
        task.resume()
        failed = {}
        for (certname, service), worker in workers.items():
            try:
                status = worker.node_rc(certname)
            except KeyError:
                failed[certname, service] = f"no end after {ROLLBACK_SECONDS} s"
                continue
            if status != 0:
                said = bytes(worker.node_buffer(certname) or b"").decode(errors="replace").strip().splitlines()
                failed[certname, service] = said[-1] if said else f"exit status {status}"
        return failed

    def serving(self, nodes: Sequence[str]) -> Mapping[str, Serving]:
        """Look at what serves on nodes."""
        found = reports.collect(self._fleet, [self._node(certname) for certname in nodes])
        return {
            certname: Serving(
                {name: (one.version, one.release, bool(one.ready)) for name, one in (report.services or {}).items()},
                report.reached,
                report.error,
            )
            for certname, report in found.items()
        }

    def traffic(self, nodes: Iterable[str], services: Iterable[str]) -> Traffic:
        """Look at the counters of nodes, and of all balancers; who does not answer is left out."""
        balancers = {one.certname for one in self._known if one.role == BALANCER_ROLE}
        wanted = {*services}
        asked = {*nodes}
        (said,) = asking.ask(self._fleet, sorted(asked | balancers), TRAFFIC)
        own: dict[tuple[str, str], tuple[str, Counts]] = {}
        balanced: dict[tuple[str, str], Counts] = {}
        for machine, answer in said.items():
            data = _document(answer)
            for name, one in data.get("services", {}).items():
                if name in wanted and machine in asked:
                    own[machine, name] = (str(one["release"]), _own(one))
            for name, members in data.get("balanced", {}).items():
                for certname, one in members.items() if name in wanted else ():
                    counts = Counts(int(one["requests"]), int(one["failed"]), mean_ms=one.get("mean_ms"))
                    balanced[certname, name] = balanced.get((certname, name), Counts()) + counts
        return Traffic(own, balanced)

    def others(self, rollout: Rollout, tier: str, service: str) -> Sequence[str]:
        """Nodes of a tier that have a service and do not change, or not yet; else those judged before; a few."""
        now = {*rollout.waves[rollout.wave].nodes}
        before = {certname for wave in rollout.waves[: rollout.wave] for certname in wave.nodes}
        having = [
            one.certname for one in self._known
            if one.tier == tier and one.certname not in now and service in self._catalogs.of(one.certname).services
        ]  # fmt: skip
        unchanged = [certname for certname in having if certname not in before]
        return (unchanged or having)[:OTHERS]

    def verify(self, nodes: Sequence[str]) -> Mapping[str, str]:
        """Run `fleet verify` on nodes, in a process of its own."""
        with tempfile.TemporaryDirectory() as scratch:
            junit = Path(scratch) / "verify.xml"
            fleet: list[str | Path] = [
                sys.executable, "-m", "fleet_cli", "-C", self._repo, "--fleet", self._fleet.file.absolute(),
            ]  # fmt: skip
            own = {"PYTHONPATH": str(paths.control_repo() / "scripts")}
            done = process.run([*fleet, "verify", "--junit", junit, *nodes], env=own, check=False, merge=True)
            if done.returncode == 0:
                return {}
            if done.returncode != 1 or not junit.exists():
                said = done.stdout.strip().rpartition("fleet: ")[2]
                raise FleetError(f"verify came to no end: {said or f'exit status {done.returncode}'}")
            return _failed_tests(junit)

    def checks(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[str, Outcome]:
        """Run the commit's own checks for each service that changed on these nodes."""
        failed = {}
        for tier in sorted({rollout.nodes[certname].tier for certname in nodes}):
            changes = [
                checks.Change(certname, name, one.old, one.new)
                for certname in nodes if rollout.nodes[certname].tier == tier
                for name, one in sorted(rollout.nodes[certname].services.items()) if one.new
            ]  # fmt: skip
            with checks.at(self._repo, rollout.goal[tier]) as found:
                seconds = self._settings[tier].check_seconds
                for result in found.run(changes, tier=tier, rollout=rollout.number, seconds=seconds):
                    if result.verdict != Verdict.GOOD:
                        fault = Fault.RELEASE if result.verdict == Verdict.BAD else Fault.ELSEWHERE
                        what = f"check {result.check}: {result.change.service} on {result.change.node}"
                        said = f": {result.output[-1]}" if result.output else ""
                        failed[what] = Outcome(fault, result.reason + said)
        return failed

    def known(self) -> set[str] | None:
        """The nodes that there are now; None if PuppetDB does not answer."""
        try:
            return {node.certname for node in nodes.known(self._fleet, self._repo)}
        except FleetError:
            return None

    def tell(self, rollout: Rollout, event: Event) -> None:
        """Tell the webhooks of the rollout's tiers."""
        text = f"rollout {rollout.number} of {rollout.by}: {rollout.log[-1][1]}"
        message = webhook.Message(
            event, text, rollout.number, ", ".join(rollout.tiers), rollout.commit, rollout.by, rollout.why,
            str(rollout.status),
        )  # fmt: skip
        for url in dict.fromkeys(self._settings[tier].webhook for tier in rollout.tiers):
            if wrong := webhook.send(url, message):
                steps.say(f"note: {wrong}")

    # What is known of all nodes

    @cached_property
    def _known(self) -> list[Node]:
        return [*self._given] if self._given is not None else nodes.known(self._fleet, self._repo)

    @cached_property
    def _catalogs(self) -> Catalogs:
        return catalogs.collect(self._fleet, [node.certname for node in self._known])

    def _node(self, certname: str) -> Node:
        """A node; one that is no longer known has its name at least."""
        by_name = {node.certname: node for node in self._known}
        return by_name.get(certname) or Node(certname, "", "", certname)

    def _failed_before(self, nodes: Sequence[str]) -> set[str]:
        found = catalogs.collect(self._fleet, nodes)
        return {certname for certname in nodes if found.of(certname).status == "failed"}


def _in_order(known: Sequence[Node]) -> list[list[Node]]:
    return nodes.in_order(known)


def _document(said: asking.Said) -> Mapping[str, Any]:
    try:
        data = said.document() if not said.error else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _own(data: Mapping[str, Any]) -> Counts:
    """What a service says of itself; one that counts no requests still has its deaths told."""
    requests = int(data.get("requests", 0))
    slower = {float(edge): int(count) for edge, count in (data.get("slower") or {}).items()}
    mean_ms = float(data.get("seconds") or 0.0) / requests * 1000 if requests else None
    died, up = int(data.get("died", 0)), float(data.get("up_seconds", 0.0))
    return Counts(requests, int(data.get("failed", 0)), slower, mean_ms, died, up)


def _failed_tests(junit: Path) -> dict[str, str]:
    """What failed, by the test and what it was about."""
    found = {}
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314 - a file of our own, made just now
        problem = next((one for one in case if one.tag in ("failure", "error")), None)
        if problem is not None:
            lines = (problem.get("message") or problem.text or "failed").strip().splitlines()
            found[str(case.get("name"))] = lines[0] if lines else "failed"
    return found
