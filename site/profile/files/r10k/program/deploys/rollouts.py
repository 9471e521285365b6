"""What the controller of a rollout has the server do (docs/deploys.md): begin in a tier, waves, the end, the way back.

Each call may come twice, as after a connection that was lost: the second changes nothing. A call of a controller that
another one has taken over from, or of a rollout that has ended, is refused.
"""

import time
from dataclasses import dataclass

from deploys import answers, by_hand, given, journal, sealing
from deploys.answers import Answer, Answers, Ended, Rollout
from deploys.errors import DeployError
from deploys.layout import Layout

FINISHED, ABORTED = "finished", "aborted"


@dataclass(frozen=True)
class Call:
    """Which rollout calls, and for which tier.

    Attributes:
        number: the rollout's number.
        epoch: the number of its controller.
        environment: the environment of its commit; None where that is not said.
    """

    number: int
    epoch: int
    tier: str
    environment: str | None = None

    def __str__(self) -> str:
        """As a person reads it."""
        return f"rollout {self.number}"


def begin(layout: Layout, call: Call, environment: str) -> None:
    """Make the tier's rollout, of an environment that is there: no node is given anything by that.

    Raises:
        DeployError: another one is under way in the tier; or it has ended there.
    """
    with answers.changing(layout.answers) as state:
        present = _under_way(state, call)
        if present is None:
            _require_not_ended(state, call)
            sealing.sealed_commit(layout, environment)  # from here on it is kept
        rollout = present or Rollout(call.number, call.epoch, environment, int(time.time()), journal.who())
        state.rollouts[call.tier] = rollout
    if present is None:
        _note(call, environment, "begun")
    print(f"{call} is under way in {call.tier} with {rollout.environment}{_given_to(rollout)}")


def give(layout: Layout, call: Call, nodes: list[str]) -> None:
    """Give the rollout's commit to these nodes of the tier, and to no others.

    Raises:
        DeployError: the rollout is not under way in the tier; or a node has no certificate.
    """
    with answers.changing(layout.answers) as state:
        rollout = _require(state, call)
        for node in nodes:
            if node not in rollout.nodes and not given.is_node(layout, node):
                raise DeployError(f"no node has a certificate of the name {node!r}: nothing has changed")
        changed = sorted({*nodes} ^ {*rollout.nodes})
        rollout.nodes = sorted({*nodes})
    if changed:
        _note(call, rollout.environment, f"given to {', '.join(rollout.nodes) or 'no node'}")
    print(f"{call} in {call.tier}: {rollout.environment}{_given_to(rollout)}{'' if changed else ', as before'}")


def finish(layout: Layout, call: Call, *, fleet: bool) -> None:
    """Make the commit the tier's answer, and with `fleet` the fleet's, too. The way back is kept.

    Raises:
        DeployError: the rollout is not under way in the tier; or what another one's tier is given would change.
    """
    with answers.changing(layout.answers) as state:
        before = state.of_tier(call.tier), state.fleet.environment if state.fleet else None
        ended = state.ended.get(call.tier)
        again = ended if call.tier not in state.rollouts and _is_end(ended, call, FINISHED) else None
        environment = again.environment or "" if again else _require(state, call).environment
        moved = again.moved if again else _end_in_tier(state, call, environment)
        with_fleet = again is not None and again.fleet
        if fleet and not with_fleet:
            _answer_of_fleet(state, call, environment)
        state.ended[call.tier] = Ended(call.number, call.epoch, environment, FINISHED, fleet or with_fleet, moved)
        state.loaded = sorted({*state.loaded, *({name for name in before if name} - state.in_use())})
        present = state.of_tier(call.tier)
    if again and (with_fleet or not fleet):
        print(f"{call} was finished in {call.tier} already, whose nodes are given {present}: nothing to do")
        return
    who = f"tier {call.tier}{' and the fleet' if fleet else ''}"
    _note(call, environment, f"finished, given to {who}")
    print(f"{call} is finished in {call.tier}: {who} given {environment}")


def abort(layout: Layout, call: Call) -> None:
    """Have the tier's nodes be given what they were before the rollout; also after its end in the tier.

    Raises:
        DeployError: another rollout is under way; or the fleet is given the commit by now.
    """
    with answers.changing(layout.answers) as state:
        rollout = _under_way(state, call)
        ended = state.ended.get(call.tier)
        environment = rollout.environment if rollout else None
        if rollout:
            del state.rollouts[call.tier]
        elif ended and _is_end(ended, call, FINISHED):
            environment = ended.environment
            _take_back(state, call, ended)
        elif ended and (ended.number, ended.epoch) > (call.number, call.epoch):
            raise _ended_already(call, ended)
        known = ended.environment if ended and ended.number == call.number else None
        state.ended[call.tier] = Ended(call.number, call.epoch, environment or known, ABORTED)
        if environment:
            state.loaded = sorted({*state.loaded, environment})
        present = state.of_tier(call.tier) or "nothing"
    if environment:
        _note(call, environment, "aborted")
        print(f"{call} is aborted in {call.tier}: its nodes are given {present} again")
    else:
        print(f"{call} is not under way in {call.tier}, whose nodes are given {present}: nothing to do")


def _under_way(state: Answers, call: Call) -> Rollout | None:
    """Return the tier's rollout, which from now on is this controller's; None if there is none.

    Raises:
        DeployError: it is another one, has another commit, or a later controller.
    """
    rollout = state.rollouts.get(call.tier)
    if rollout is None:
        return None
    if rollout.number != call.number:
        raise DeployError(f"{by_hand.described(state, [call.tier])}: nothing has changed for {call}")
    if rollout.epoch > call.epoch:
        raise DeployError(
            f"another controller has taken over {call} (epoch {rollout.epoch}, not {call.epoch}): nothing has changed"
        )
    if call.environment and call.environment != rollout.environment:
        raise DeployError(f"{call} in {call.tier} is of {rollout.environment}, not of {call.environment}")
    rollout.epoch = call.epoch
    return rollout


def _require(state: Answers, call: Call) -> Rollout:
    rollout = _under_way(state, call)
    if rollout is None:
        _require_not_ended(state, call)
        raise DeployError(f"{call} is not under way in {call.tier}: nothing has changed")
    return rollout


def _require_not_ended(state: Answers, call: Call) -> None:
    ended = state.ended.get(call.tier)
    if ended is None:
        return
    # Begun anew after its end, its abort would not lead back to what was before.
    finished = ended.number == call.number and ended.how == FINISHED
    if finished or (ended.number, ended.epoch) >= (call.number, call.epoch):
        raise _ended_already(call, ended)


def _ended_already(call: Call, ended: Ended) -> DeployError:
    if ended.number == call.number:
        return DeployError(f"{call} was {ended.how} in {call.tier} already: nothing has changed")
    return DeployError(f"{call} is an old one: rollout {ended.number} was {ended.how} in {call.tier} after it")


def _is_end(ended: Ended | None, call: Call, how: str) -> bool:
    """Whether the call asks for the end that has come already: of the same controller, or of one that took over."""
    if ended is None or ended.number != call.number or ended.how != how or ended.epoch > call.epoch:
        return False
    return call.environment in {None, ended.environment}


def _end_in_tier(state: Answers, call: Call, environment: str) -> bool:
    """Make the commit the tier's answer; whether the tier had another one of its own."""
    del state.rollouts[call.tier]
    present, who = state.tiers.get(call.tier), journal.who()
    if present is None:
        fleet = state.fleet
        # It follows the fleet's branch, as its nodes did before.
        state.tiers[call.tier] = Answer(
            environment,
            fleet.branch if fleet else None,
            int(time.time()),
            who,
            before=[fleet.environment] if fleet and fleet.environment != environment else [],
            rollout=call.number,
        )
        return False
    if present.environment == environment:
        return False
    state.tiers[call.tier] = present.moved(environment, who)
    return True


def _answer_of_fleet(state: Answers, call: Call, environment: str) -> None:
    """Move the fleet's answer; what tiers under way are given by the fleet's must not change by that."""
    before = {tier: state.of_tier(tier) for tier in state.rollouts}
    who = journal.who()
    if state.fleet is None:
        state.fleet = Answer(environment, answers.FLEET_BRANCH, int(time.time()), who)
    elif state.fleet.environment != environment:
        state.fleet = state.fleet.moved(environment, who)
    state.drop_needless()
    others = [tier for tier, present in before.items() if state.of_tier(tier) != present]
    if others:
        raise DeployError(
            f"{by_hand.described(state, others)}, whose other nodes are given what the fleet is: nothing has changed;"
            f" finish {call} after it"
        )


def _take_back(state: Answers, call: Call, ended: Ended) -> None:
    """Undo the end of a rollout in a tier: its answer is what it was before.

    Raises:
        DeployError: the answer is another one by now, or the fleet's.
    """
    present = state.tiers.get(call.tier)
    if ended.fleet or present is None or present.environment != ended.environment:
        raise DeployError(
            f"{call} is finished in {call.tier}, whose nodes are given {state.of_tier(call.tier)} with the fleet, or by"
            " a deploy since: the way back is `fleet rollback`"
        )
    if present.rollout == call.number:
        del state.tiers[call.tier]
    elif ended.moved:
        state.tiers[call.tier] = present.back(journal.who())


def _given_to(rollout: Rollout) -> str:
    return f", given to {', '.join(rollout.nodes)}" if rollout.nodes else ", given to no node"


def _note(call: Call, environment: str, what: str) -> None:
    journal.note(
        "rollout",
        environment=environment,
        rollout=str(call.number),
        epoch=str(call.epoch),
        tier=call.tier,
        what=what,
    )
