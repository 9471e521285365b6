"""What the command does: deploys of branches, and changes of answers."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from operators.journal import DONE, FAILED, record
from operators.printable import printable

from deploys import answers, by_hand, checkouts, files, given, journal, puppet_server, sealing
from deploys.answers import Answer, Answers
from deploys.errors import DeployError
from deploys.layout import Layout
from deploys.reader import Reader


@dataclass(frozen=True)
class Scope:
    """Whom an answer is for.

    Attributes:
        tier: a tier; or None.
        nodes: nodes by certname; empty for a tier, or, without one, for the fleet.
        seconds: how long an answer for nodes holds.
        nobody: it is for nobody: a commit is sealed, and given later.
        now: whether it goes ahead where it steps on a rollout that is under way.
    """

    tier: str | None = None
    nodes: tuple[str, ...] = ()
    seconds: int = 3600
    nobody: bool = False
    now: bool = False

    def __str__(self) -> str:
        """As a person reads it."""
        return ", ".join(self.nodes) or (f"tier {self.tier}" if self.tier else "the fleet")

    @property
    def narrow(self) -> bool:
        """Whether it is less than the fleet."""
        return bool(self.tier or self.nodes)


def deploy(layout: Layout, branch: str, scope: Scope, *, commit: str | None, followed: bool) -> None:
    """Have r10k deploy a branch, seal its commit, and give it to those who follow the branch, or to a scope.

    Args:
        scope: whom to give it to. For the fleet, those who follow the branch.
        commit: the commit that the branch has to be at, if that is known.
        followed: whether the fleet is to follow the branch from now on.

    Raises:
        DeployError: it can't be deployed. Nothing has changed then.
    """
    _check(layout, scope)
    checkout = checkouts.name_of(branch)
    with checkouts.only_one(layout), Reader(layout) as reader:
        config = ["--config", str(layout.r10k_config)]
        done = checkouts.run(layout, ["deploy", "environment", checkout, "--modules", "--verbose=info", *config])
        if "cannot be found in any source" in done.output:
            raise DeployError(f"the control repository has no branch {branch!r}: nothing has changed")
        if done.status != 0:
            raise DeployError(
                f"r10k failed (exit status {done.status}), see above. Nothing has changed: {_what_is_given(layout)}"
            )
        found = checkouts.of_branch(layout, checkout)
        if commit and found.commit != commit:
            raise DeployError(
                f"{branch}: r10k finds it at commit {found.commit[:10]}, not at {commit[:10]}: somebody has pushed"
                " another one, or the repository could not be fetched (see above). Nothing has changed"
            )
        name = sealing.seal(layout, checkout, found, reader)
        _give(layout, checkout, name, scope, followed=followed)
        tidy(layout)
    if scope.nobody:
        puppet_server.read(name)


def finish(layout: Layout, names: Sequence[str], reader: Reader) -> bool:
    """After an r10k that somebody else has called: seal and give what it has deployed; whether all of it could be.

    A branch that has no new commit is left alone: somebody may have gone back. To be called under the lock of r10k's
    working copies.
    """
    fine = True
    for checkout in names:
        try:
            name = sealing.seal(layout, checkout, checkouts.of_branch(layout, checkout), reader)
            state = answers.load(layout.answers)
            if state.branches.get(checkout) == name and state.fleet:
                print(f"{checkout}: its commit is deployed already, as {name}: nothing to do")
            else:
                given_out = _give_unless_under_way(layout, checkout, name)
                record("deploy", f"{checkout}, by r10k", DONE if given_out else f"{DONE}: given to no node")
        except DeployError as error:
            print(f"deploy-environment: {printable(str(error))}", file=sys.stderr)
            journal.note("refused", failure=True, branch=checkout, reason=str(error))
            record("deploy", f"{checkout}, by r10k", f"{FAILED}: {error}")
            fine = False
    tidy(layout)
    return fine


def _give_unless_under_way(layout: Layout, branch: str, name: str) -> bool:
    """Give what r10k has deployed to those who follow the branch; to nobody where that steps on a rollout."""
    try:
        _give(layout, branch, name, Scope(), followed=False)
    except by_hand.UnderWayError as error:
        _give(layout, branch, name, Scope(nobody=True), followed=False)
        print(f"note: {error.what}: {branch} is given to no node now; `fleet rollout` or `fleet deploy` gives it")
        return False
    return True


def give_kept(layout: Layout, wanted: str, scope: Scope) -> None:
    """Give a commit to a scope, or what a branch was deployed as last: r10k is not asked.

    A branch without a narrower scope goes to those who follow it.

    Raises:
        DeployError: it is not kept here.
    """
    _check(layout, scope)
    with by_hand.changing(layout, now=scope.now) as state:
        branch, name = kept(layout, state, wanted)
        commit = sealing.sealed_commit(layout, name)
        sealing.require_signed(layout, name, wanted)
        if branch and not scope.narrow:
            moved = state.follow(branch, name, journal.who())
        else:
            moved = [str(scope)] if _set(state, scope, name, branch) else []
        others = "" if scope.narrow or not moved else _others(state, name)
    what = f"{name} (commit {commit[:10]})"
    if moved:
        journal.note("given", environment=name, commit=commit, to=", ".join(moved))
        print(f"{', '.join(moved)}: given {what}{_until(scope)}")
    else:
        print(f"{wanted}: is {what}; nobody was given anything else: nothing to do")
    if others:
        print(f"note: not given it: {others}")


def back(layout: Layout, scope: Scope) -> None:
    """Give what was given before the last deploy.

    Raises:
        DeployError: there is no way back.
    """
    with by_hand.changing(layout, now=scope.now) as state:
        present = state.tiers.get(scope.tier) if scope.tier else state.fleet
        if present is None:
            raise DeployError(f"{scope}: has no answer of its own: nothing to go back from")
        earlier = present.back(journal.who())
        commit = sealing.sealed_commit(layout, earlier.environment)
        state.loaded.append(present.environment)
        if scope.tier:
            state.tiers[scope.tier] = earlier
        else:
            state.fleet = earlier
    journal.note("back", environment=earlier.environment, commit=commit, to=str(scope), was=present.environment)
    print(f"{scope}: given {earlier.environment} (commit {commit[:10]}) again; it was {present.environment}")
    if present.branch:
        print(f"note: the next deploy of {present.branch} goes forward again: revert there what is wrong")


def end(layout: Layout, scope: Scope) -> None:
    """Take the answer of a tier, or of nodes, away: the next wider one counts again."""
    names = scope.nodes or (scope.tier or "",)
    with by_hand.changing(layout, now=scope.now) as state:
        table = state.nodes if scope.nodes else state.tiers
        gone = {name: table.pop(name) for name in names if name in table}
        state.loaded += [answer.environment for answer in gone.values()]
    for name in names:
        if name in gone:
            journal.note("ended", environment=gone[name].environment, to=name)
            print(f"{name}: is not given {gone[name].environment} any more")
        else:
            print(f"{name}: has no answer of its own")


def tidy(layout: Layout) -> None:
    """Remove the environments that are not kept, and have Puppet Server forget them.

    To be called under the lock of r10k's working copies. What goes wrong here is said, and no more: the deploy is done.
    """
    try:
        # No answer may name one between the look and the removal.
        with answers.changing(layout.answers) as state:
            there = {path.name for path in layout.checkouts.iterdir()}
            state.branches = {branch: name for branch, name in state.branches.items() if branch in there}
            gone = sealing.all_sealed(layout) - state.kept() - given.environments(layout)
            if state.fleet:
                gone |= sealing.old_checkouts(layout)
            away = [sealing.put_away(layout, name) for name in sorted(gone)]
            state.loaded = sorted({*state.loaded, *gone})
            fleet = state.fleet
        for path in away:
            files.remove_tree(path)
        sealing.keep_default(layout, always=fleet is not None)
        _forget(layout)
    except (DeployError, OSError) as error:
        print(f"note: the deploy was done, but not the tidying after it: {printable(str(error))}", file=sys.stderr)


def _forget(layout: Layout) -> None:
    """Have Puppet Server forget the environments that nobody is given any more.

    Deploys do this and nothing else does: a way back must not wait for a server that is busy.
    """
    state = answers.load(layout.answers)
    waiting = set(state.loaded) - state.in_use()
    done = puppet_server.forget(sorted(waiting)) if waiting else set()
    if done or waiting != set(state.loaded):
        with answers.changing(layout.answers) as state:
            state.loaded = [name for name in state.loaded if name not in done and name not in state.in_use()]


def _give(layout: Layout, branch: str, name: str, scope: Scope, *, followed: bool) -> None:
    commit = sealing.sealed_commit(layout, name)
    with by_hand.changing(layout, now=scope.now) as state:
        again = state.branches.get(branch) == name
        before = state.in_use()
        state.note_deploy(branch, name)
        if scope.nobody:
            moved = []
        elif scope.narrow:
            moved = [str(scope)] if _set(state, scope, name, branch) else []
        else:
            moved = []
            if followed and state.fleet:
                state.fleet.branch = branch
            elif followed:
                state.fleet = Answer(name, branch, int(time.time()), journal.who())
                moved = ["the fleet"]
            moved += state.follow(branch, name, journal.who())
        state.loaded = sorted({*state.loaded, *(before - state.in_use())})
        again = again or name in before
    what = f"{branch}: commit {commit[:10]}"
    if moved:
        print(f"{what} is {name}; given to {', '.join(moved)}{_until(scope)}")
    elif again:
        print(f"{what} is deployed already, as {name}: nothing to do")
        return
    else:
        print(f"{what} is {name}; no node is given it yet")
    journal.note("deployed", environment=name, commit=commit, branch=branch, to=", ".join(moved) or "nobody")


def _set(state: Answers, scope: Scope, name: str, branch: str | None) -> bool:
    """Give an environment to a scope; whether that changed anything."""
    now, who = int(time.time()), journal.who()
    if scope.nodes:
        for node in scope.nodes:
            if node in state.nodes:
                state.loaded.append(state.nodes[node].environment)
            state.nodes[node] = Answer(name, branch, now, who, now + scope.seconds)
        return True
    present = state.tiers.get(scope.tier) if scope.tier else state.fleet
    changed = present is None or present.environment != name
    answer = present.moved(name, who) if present and changed else present or Answer(name, branch, now, who)
    if present and changed:
        state.loaded.append(present.environment)
    if scope.tier:
        answer.branch = branch
        state.tiers[scope.tier] = answer
    else:
        # It follows its branch, whatever commit it has been given by hand.
        answer.branch = answer.branch or answers.FLEET_BRANCH
        state.fleet = answer
    return changed


def kept(layout: Layout, state: Answers, wanted: str) -> tuple[str | None, str]:
    """Return the branch, if it is one, and the environment that is meant by a branch, a commit or an environment."""
    branch = checkouts.name_of(wanted)
    if branch in state.branches:
        return branch, state.branches[branch]
    start = wanted.removeprefix("c_")
    found = [name for name in sorted(sealing.all_sealed(layout)) if name[2:].startswith(start[:10])]
    found = [name for name in found if sealing.sealed_commit(layout, name).startswith(start)]
    if not start or not found:
        raise DeployError(
            f"{wanted!r} is no branch that was deployed, and no commit that is kept here;"
            " `deploy-environment --list` has those. Deploy a branch first"
        )
    if len(found) > 1:
        raise DeployError(f"{wanted!r} may be {' or '.join(found)}: give more of it")
    return None, found[0]


def _check(layout: Layout, scope: Scope) -> None:
    for node in scope.nodes:
        if not given.is_node(layout, node):
            raise DeployError(f"no node has a certificate of the name {node!r}: nothing has changed")
    if scope.tier and scope.tier not in given.tiers(layout):
        known = ", ".join(sorted(given.tiers(layout))) or "none"
        print(f"note: no node of tier {scope.tier!r} has asked so far; tiers that have: {known}", file=sys.stderr)


def _until(scope: Scope) -> str:
    if not scope.nodes:
        return ""
    return f", until {time.strftime('%H:%M:%S %Z', time.localtime(time.time() + scope.seconds))}"


def _others(state: Answers, name: str) -> str:
    """Who is given something else, in words."""
    tables = (("tier", state.tiers), ("node", state.nodes))
    return ", ".join(
        f"{kind} {who} ({answer.environment})"
        for kind, table in tables
        for who, answer in table.items()
        if answer.environment != name
    )


def _what_is_given(layout: Layout) -> str:
    state = answers.load(layout.answers)
    return f"the fleet is given {state.fleet.environment}" if state.fleet else "nothing is deployed so far"
