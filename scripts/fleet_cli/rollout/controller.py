"""Drives a rollout: one step after another, each written down before it is made.

Each step can be made again: whoever goes on with a rollout makes the one that was last written down once more. The
server takes orders of the newest controller alone (its epoch), so an older one that still runs can change nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import judging
from fleet_cli.rollout.judging import Counts, Judgement, Verdict
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.state import Baseline, LostError, NodeState, Phase, Rollout, Rollouts, Status, Store
from fleet_cli.rollout.watching import Watching
from fleet_cli.rollout.waves import Wave, allowed_missing
from fleet_cli.rollout.world import Fault, Outcome, Serving, Traffic, World

LOOK_SECONDS = 2.0
ASK_STORE_SECONDS = 6.0
"""How often, while counters are watched, it is looked whether somebody wants something else."""
RESTART_SECONDS = 120
"""So long a node that is away may be restarting."""
SERVE_AGAIN_ATTEMPTS = 3
_UNKNOWN = re.compile(r"\bnot (reached|asked|known)\b")
"""How `fleet verify` calls what it could not look at."""
END_ATTEMPTS = 5


class _PausedError(Exception):
    """It can't go on, and it is not the fault of what is rolled out."""


class _BadError(Exception):
    """What is rolled out is bad."""


@dataclass
class Controller:
    """One that drives a rollout, until it has ended or is paused.

    Attributes:
        settings: by tier.
    """

    number: int
    epoch: int
    world: World
    store: Store
    settings: Mapping[str, Settings]

    def drive(self) -> Rollout:
        """Go on with the rollout as far as it goes; return it.

        Raises:
            LostError: somebody else has taken it over.
            FleetError: its state can't be read or written, or it can't be brought to its end.
        """
        rollout = self._read()
        attempts = 0
        while not rollout.status.ended and (rollout.status != Status.PAUSED or rollout.pauses_until):
            try:
                rollout = self._step(rollout)
                attempts = 0
            except _PausedError as paused:
                rollout = self._pause(self._read(), str(paused))
            except _BadError as bad:
                rollout = self._turn_back(self._read(), str(bad))
            except LostError:
                raise
            except FleetError as error:
                # The server, git or ssh: nothing of it is the fault of what is rolled out.
                rollout, attempts = self._read(), attempts + 1
                if rollout.status not in (Status.REVERTING, Status.FINISHING):
                    rollout = self._pause(rollout, str(error))
                elif attempts == END_ATTEMPTS:
                    raise FleetError(
                        f"rollout {self.number} is {rollout.status}, and can't be brought to its end: {error}\n"
                        "`fleet rollout resume --take-over` tries again"
                    ) from None
                else:
                    self.world.say(f"{error}: tried again")
                    self.world.wait(ASK_STORE_SECONDS)
        return rollout

    def _step(self, rollout: Rollout) -> Rollout:
        if rollout.status == Status.PAUSED:
            return self._until_deadline(rollout)
        if rollout.status == Status.REVERTING:
            return self._revert(rollout)
        if rollout.status == Status.FINISHING or rollout.wave >= len(rollout.waves):
            return self._finish(rollout)
        return {Phase.GIVE: self._give, Phase.RUN: self._run, Phase.JUDGE: self._judge}[rollout.phase](rollout)

    # One wave

    def _give(self, rollout: Rollout) -> Rollout:
        """Note what serves, and does how well, before anything changes."""
        wave = rollout.waves[rollout.wave]
        if rollout.wave == 0:
            for tier in rollout.tiers:
                self.world.begin(rollout, tier)
        before = self.world.serving(wave.nodes)
        services = {name for node in wave.nodes for name, one in rollout.nodes[node].services.items() if one.old}
        traffic = self.world.traffic(wave.nodes, services) if services and not rollout.takes_back else Traffic()

        def note(one: Rollout) -> str:
            for certname in wave.nodes:
                one.nodes[certname].state = NodeState.CHANGING
                for name, service in one.nodes[certname].services.items():
                    version, release, _ = before[certname].services.get(name, ("", "", False))
                    if not service.release and version and version == service.old:
                        service.release = release
            one.baseline = {
                name: Baseline(
                    judging.total(counts for (_, its), (_, counts) in traffic.own.items() if its == name),
                    judging.total(traffic.balanced.get((node, name), Counts()) for node in wave.nodes),
                )
                for name in sorted(services)
            }
            one.phase = Phase.RUN
            return f"{self._title(one)}: given {one.goal[wave.tier][:10]}"

        return self._write(note)

    def _run(self, rollout: Rollout) -> Rollout:
        wave = rollout.waves[rollout.wave]
        if rollout.takes_back:
            # The kept releases serve at once; what the agent does afterwards finds them there.
            self._serve_again(rollout, wave.nodes)
        self.world.give(rollout, wave.tier, rollout.given(wave.tier))
        self.world.say(f"{self._title(rollout)}: the agent runs")
        outcomes = self._agents(rollout, wave)
        faults = {fault: {node: outcomes[node].why for node in wave.nodes if outcomes[node].fault == fault}
                  for fault in Fault}  # fmt: skip
        away = faults[Fault.AWAY]
        gone = self._gone(away)

        def note(one: Rollout) -> str:
            for certname in wave.nodes:
                node = one.nodes[certname]
                node.state, node.why = NodeState.CHANGED, ""
                if certname in away:
                    node.state, node.why = NodeState.MISSING, away[certname]
                elif certname in faults[Fault.ELSEWHERE]:
                    node.state, node.why = NodeState.CHANGING, faults[Fault.ELSEWHERE][certname]
                if certname in gone:
                    node.state, node.why = NodeState.GONE, "it is no node any more"
            if not faults[Fault.ELSEWHERE]:
                one.phase = Phase.JUDGE
            if not away:
                return f"{self._title(one)}: the agent has run"
            return f"{self._title(one)}: the agent has run, but not on " + ", ".join(
                f"{one.nodes[node].name} ({one.nodes[node].why})" for node in away
            )

        rollout = self._write(note)
        if bad := faults[Fault.RELEASE]:
            rollout = self._isolated_or_bad(rollout, wave, bad)
        for node, why in faults[Fault.ELSEWHERE].items():
            raise _PausedError(f"{self._name(rollout, node)}: {why}")
        self._too_many(rollout, wave.tier)
        return rollout

    def _agents(self, rollout: Rollout, wave: Wave) -> dict[str, Outcome]:
        """Run agents; a node that is away may only be restarting."""
        until = self.world.now() + RESTART_SECONDS
        outcomes = dict(self.world.run(rollout, wave.nodes))
        allowed = allowed_missing(self.settings[wave.tier], len(rollout.of_tier(wave.tier)))
        while True:
            away = [node for node in wave.nodes if outcomes[node].fault == Fault.AWAY]
            away = [node for node in away if node not in self._gone(away)]
            if not away or rollout.quick or len(away) + self._missing(rollout, wave) <= allowed:
                return outcomes
            if self.world.now() >= until:
                return outcomes
            self._read()  # somebody may have ended it meanwhile
            self.world.wait(ASK_STORE_SECONDS)
            outcomes |= self.world.run(rollout, away)

    def _judge(self, rollout: Rollout) -> Rollout:
        wave = rollout.waves[rollout.wave]
        nodes = [certname for certname in wave.nodes if rollout.nodes[certname].state == NodeState.CHANGED]
        self._too_many(rollout, wave.tier)
        rollout = self._wait_until_serving(rollout, wave, nodes)
        nodes = [certname for certname in nodes if rollout.nodes[certname].state == NodeState.CHANGED]
        versions = _versions(rollout, nodes)
        said = [f"serving {versions}" if versions else "the agent has run"]
        if not rollout.takes_back:
            watching = self._watching(rollout, wave, nodes)
            if watching:
                # What is bad at once need not wait for checks.
                self._refuse_bad(rollout, watching.first(self._sick_allowed(rollout, wave)))
            self._check(rollout, nodes)
            said += self._watch(rollout, wave, watching) if watching else []
        return self._write(lambda one: self._next_wave(one, ", ".join(said)))

    def _next_wave(self, rollout: Rollout, said: str) -> str:
        line = f"{self._title(rollout)}: {said}"
        self.world.report(f"{self._title(rollout)}   {said}")
        rollout.wave += 1
        rollout.phase, rollout.accepted = Phase.GIVE, False
        return line

    # What a wave is judged by

    def _wait_until_serving(self, rollout: Rollout, wave: Wave, nodes: Sequence[str]) -> Rollout:
        until = self.world.now() + self.settings[wave.tier].deadline
        while wrong := self._not_serving(rollout, nodes):
            if self.world.now() >= until:
                return self._isolated_or_bad(rollout, wave, wrong)
            self._read()  # somebody may have ended it meanwhile
            self.world.wait(LOOK_SECONDS)
        return rollout

    def _not_serving(self, rollout: Rollout, nodes: Sequence[str]) -> dict[str, str]:
        """By node, which service does not serve what it should."""
        wrong = {}
        expected = [node for node in nodes if any(service.new for service in rollout.nodes[node].services.values())]
        for certname, found in (self.world.serving(expected) if expected else {}).items():
            for name, service in rollout.nodes[certname].services.items():
                version, release, ready = found.services.get(name, ("", "", False))
                if not service.new or (version == service.new and ready):
                    continue
                what = f"{name} {version or found.why or 'does not serve'}"
                wrong[certname] = f"{what}, not {service.new}" if version != service.new else f"{what} is not ready"
                if version == service.new and release:
                    wrong[certname] += f" ({release})"
        return wrong

    def _check(self, rollout: Rollout, nodes: Sequence[str]) -> None:
        """Have `verify` and the repository's own checks look at the nodes.

        Raises:
            _BadError: something is wrong.
            _PausedError: a check could not tell.
        """
        if not nodes:
            return
        found = {test: wrong for test, wrong in self.world.verify(nodes).items() if test not in rollout.wrong_before}
        for test, wrong in sorted(found.items(), key=lambda one: bool(_UNKNOWN.search(one[1]))):
            if _UNKNOWN.search(wrong):
                raise _PausedError(f"verify could not tell: {wrong} ({test})")
            raise _BadError(f"verify: {wrong} ({test})")
        failed = self.world.checks(rollout, nodes)
        for what, outcome in failed.items():
            if outcome.fault == Fault.RELEASE:
                raise _BadError(f"{what}: {outcome.why}")
        for what, outcome in failed.items():
            raise _PausedError(f"{what} could not tell: {outcome.why}")

    def _watching(self, rollout: Rollout, wave: Wave, nodes: Sequence[str]) -> Watching | None:
        """Begin to watch counters of the services that changed; None where none did."""
        services = sorted({name for node in nodes for name, one in rollout.nodes[node].services.items() if one.new})
        settings = self.settings[wave.tier]
        return Watching(self.world, rollout, wave, nodes, services, settings) if services else None

    def _look(self, rollout: Rollout, wave: Wave, watching: Watching) -> dict[str, Verdict]:
        """Return what counters say now, by service.

        Raises:
            _BadError: a release does badly.
        """
        verdicts = watching.look(self._sick_allowed(rollout, wave))
        self._refuse_bad(rollout, verdicts)
        return verdicts

    def _refuse_bad(self, rollout: Rollout, verdicts: Mapping[str, Verdict]) -> None:
        for name, verdict in verdicts.items():
            if verdict.judgement == Judgement.BAD:
                raise _BadError(f"{self._title(rollout)}: {name}: {verdict.why}")

    def _watch(self, rollout: Rollout, wave: Wave, watching: Watching) -> list[str]:
        """Watch counters for as long as the settings say; return what they say in the end.

        Raises:
            _BadError: a release does badly.
            _PausedError: there were too few requests to tell, and somebody has to decide.
        """
        settings = self.settings[wave.tier]
        seconds = 0 if rollout.quick or rollout.accepted else settings.watch
        began = asked = self.world.now()
        while True:
            left = began + seconds - self.world.now()
            if left > 0:
                self.world.wait(min(LOOK_SECONDS, left))
            verdicts = self._look(rollout, wave, watching)
            left = began + seconds - self.world.now()
            if left <= 0:
                break
            if self.world.now() - asked >= ASK_STORE_SECONDS:
                asked = self.world.now()
                self._read()  # somebody may want something else
                self.world.say(f"{self._title(rollout)}: watching, {left:.0f} s left: {_told(verdicts)}")
        sick = {node for verdict in verdicts.values() for node in verdict.sick}
        if sick:
            self._write(lambda one: _mark(one, sick, NodeState.SICK, "it does badly, and the others do not"))
        few = [name for name, verdict in verdicts.items() if verdict.judgement == Judgement.TOO_FEW]
        if few and seconds and not rollout.accepted and settings.no_traffic == "pause":
            raise _PausedError(
                f"{self._title(rollout)}: too few requests to tell ({settings.least_requests} are needed):"
                f" {_told({name: verdicts[name] for name in few})}"
            )
        text = f"watched {seconds} s: {_told(verdicts)}" if seconds else "not watched"
        return [text + (f" (too few requests to tell: {', '.join(few)})" if few and seconds else "")]

    def _sick_allowed(self, rollout: Rollout, wave: Wave) -> int:
        allowed = allowed_missing(self.settings[wave.tier], len(rollout.of_tier(wave.tier)))
        return max(0, allowed - self._missing(rollout, wave))

    def _isolated_or_bad(self, rollout: Rollout, wave: Wave, wrong: Mapping[str, str]) -> Rollout:
        """Go on without a few nodes that fail where most others do not; otherwise it is the release.

        Raises:
            _BadError: it is.
        """
        well = [
            certname for certname, node in rollout.of_tier(wave.tier).items()
            if node.state == NodeState.CHANGED and certname not in wrong
        ]  # fmt: skip
        node, why = next(iter(wrong.items()))
        if len(wrong) <= self._sick_allowed(rollout, wave) and len(well) >= 2 * len(wrong):
            return self._write(lambda one: _mark(one, wrong, NodeState.SICK, why))
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise _BadError(f"{self._name(rollout, node)}: {why}{more}")

    @staticmethod
    def _missing(rollout: Rollout, wave: Wave) -> int:
        """How many nodes of the waves before are missing in the tier."""
        nodes = rollout.of_tier(wave.tier).items()
        lost = (NodeState.MISSING, NodeState.SICK)
        return sum(node.state in lost and certname not in wave.nodes for certname, node in nodes)

    def _too_many(self, rollout: Rollout, tier: str) -> None:
        """Stop where more nodes are missing than may be.

        Raises:
            _PausedError: there are.
        """
        nodes = rollout.of_tier(tier).values()
        lost = [node for node in nodes if node.state in (NodeState.MISSING, NodeState.SICK)]
        allowed = allowed_missing(self.settings[tier], len(nodes))
        if len(lost) > allowed and not rollout.accepted:
            named = ", ".join(f"{node.name} ({node.why})" for node in lost[:5])
            raise _PausedError(
                f"{len(lost)} of {len(nodes)} nodes are missing in {tier}, where {allowed} may be: {named}"
            )

    def _gone(self, nodes: Iterable[str]) -> set[str]:
        """Those that are no nodes any more."""
        away = set(nodes)
        known = self.world.known() if away else None
        return set() if known is None else away - known

    # The end

    def _finish(self, rollout: Rollout) -> Rollout:
        def note(one: Rollout) -> str:
            one.status = Status.FINISHING
            return "all waves are through: the tiers are given it"

        if rollout.status != Status.FINISHING:
            rollout = self._write(note)
        if not rollout.waves:
            for tier in rollout.tiers:
                self.world.begin(rollout, tier)
        self.world.finish(rollout)
        failed = {
            node: outcome.why for node, outcome in self.world.run_again(rollout).items() if outcome.fault != Fault.NONE
        }
        missing = [node.name for node in rollout.nodes.values() if node.state in (NodeState.MISSING, NodeState.SICK)]

        def end(one: Rollout) -> str:
            one.status, one.ended = Status.DONE, int(self.world.now())
            parts = [f"missing: {', '.join(missing)}"] if missing else []
            parts += [f"{node} keeps what leaves it: {why}" for node, why in failed.items()]
            one.reason = "; ".join(parts)
            return "done" + (f"; {one.reason}" if one.reason else "")

        rollout = self._write(end)
        self.world.tell(rollout, "end")
        return rollout

    def _pause(self, rollout: Rollout, reason: str) -> Rollout:
        seconds = self.settings[self._tier(rollout)].pause_deadline

        def note(one: Rollout) -> str:
            one.status, one.reason = Status.PAUSED, reason
            one.pauses_until = int(self.world.now()) + seconds if seconds else 0
            return f"paused: {reason}"

        rollout = self._write(note)
        self.world.say(f"paused: {reason}")
        self.world.tell(rollout, "pause")
        return rollout

    def _until_deadline(self, rollout: Rollout) -> Rollout:
        """Wait for the end of a pause that ends by itself."""
        while self.world.now() < rollout.pauses_until:
            self.world.wait(min(ASK_STORE_SECONDS, rollout.pauses_until - self.world.now()))
            rollout = self._read()
        return self._turn_back(rollout, f"nobody ended the pause in time: {rollout.reason}")

    def _tier(self, rollout: Rollout) -> str:
        return rollout.waves[min(rollout.wave, len(rollout.waves) - 1)].tier if rollout.waves else rollout.tiers[0]

    def _turn_back(self, rollout: Rollout, reason: str) -> Rollout:
        def note(one: Rollout) -> str:
            one.reason = reason
            if one.one_way or one.takes_back:
                one.status, one.pauses_until = Status.PAUSED, 0
                return f"bad, and it can't be gone back from: {reason}"
            one.status, one.wanted = Status.REVERTING, Status.REVERTED
            return f"bad: {reason}"

        rollout = self._write(note)
        self.world.say(f"bad: {reason}")
        if rollout.status == Status.PAUSED:
            self.world.tell(rollout, "pause")
        return rollout

    def _revert(self, rollout: Rollout) -> Rollout:
        changed = sorted(rollout.changed_nodes)
        failed = self._serve_again(rollout, changed)
        self.world.take_back(rollout)
        outcomes = self.world.run(rollout, changed) if changed else {}
        left = {node: outcome.why for node, outcome in outcomes.items() if outcome.fault != Fault.NONE}

        def end(one: Rollout) -> str:
            for certname in changed:
                node = one.nodes[certname]
                if certname in left:
                    node.why = left[certname]
                else:
                    node.state, node.why = NodeState.REVERTED, ""
            one.status, one.ended = one.wanted, int(self.world.now())
            line = f"{one.status}: {one.reason}"
            if left:
                line += "; not back yet: " + ", ".join(f"{one.nodes[node].name} ({why})" for node, why in left.items())
            if failed:
                line += "; " + "; ".join(f"{node} {service}: {why}" for (node, service), why in failed.items())
            return line

        rollout = self._write(end)
        self.world.say(rollout.log[-1][1])
        self.world.tell(rollout, "end")
        return rollout

    def _serve_again(self, rollout: Rollout, nodes: Sequence[str]) -> Mapping[tuple[str, str], str]:
        """Have the releases of before serve on nodes where another one does; return where that failed, and why."""
        failed: Mapping[tuple[str, str], str] = {}
        for _ in range(SERVE_AGAIN_ATTEMPTS):
            found = self.world.serving(nodes) if nodes else {}
            wanted = [
                (certname, name, service.release)
                for certname in nodes
                for name, service in rollout.nodes[certname].services.items()
                if service.release and _release(found[certname], name) not in ("", service.release)
            ]
            failed = self.world.serve_again(wanted) if wanted else {}
            if not failed:
                break
        return failed

    # State

    def _read(self) -> Rollout:
        return self._mine(self.store.read())

    def _mine(self, rollouts: Rollouts) -> Rollout:
        rollout = rollouts[self.number]
        if rollout.epoch != self.epoch:
            raise LostError(f"rollout {self.number} goes on elsewhere: {rollout.log[-1][1]}")
        return rollout

    def _write(self, change: Callable[[Rollout], str]) -> Rollout:
        def apply(rollouts: Rollouts) -> tuple[Rollout, str]:
            rollout = self._mine(rollouts)
            line = change(rollout)
            rollout.changed = int(self.world.now())
            rollout.log.append((rollout.changed, line))
            return rollout, line

        return self.store.change(apply)

    def _title(self, rollout: Rollout) -> str:
        wave = rollout.waves[rollout.wave]
        names = [self._name(rollout, node) for node in wave.nodes]
        shown = " ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        kind = f" ({wave.kind})" if wave.kind else ""
        return f"wave {rollout.wave + 1}/{len(rollout.waves)} {shown}{kind}"

    @staticmethod
    def _name(rollout: Rollout, certname: str) -> str:
        return rollout.nodes[certname].name


def _release(serving: Serving, name: str) -> str:
    return serving.services.get(name, ("", "", False))[1]


def _versions(rollout: Rollout, nodes: Sequence[str]) -> str:
    """What serves now, in words: `1.5.0-1`, or with names where there are several services."""
    found = {(name, one.new) for node in nodes for name, one in rollout.nodes[node].services.items() if one.new}
    if len({name for name, _ in found}) == 1:
        return ", ".join(sorted(version for _, version in found))
    return ", ".join(f"{name} {version}" for name, version in sorted(found))


def _told(verdicts: Mapping[str, Verdict]) -> str:
    if len(verdicts) == 1:
        return next(iter(verdicts.values())).why
    return "; ".join(f"{name} {verdict.why}" for name, verdict in verdicts.items())


def _mark(rollout: Rollout, nodes: Iterable[str], state: NodeState, why: str) -> str:
    for certname in nodes:
        rollout.nodes[certname].state, rollout.nodes[certname].why = state, why
    return f"{', '.join(rollout.nodes[node].name for node in sorted(nodes))}: {state}: {why}"
