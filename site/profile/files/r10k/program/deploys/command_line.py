"""The commands: deploy-environment, and r10k under its lock."""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from operators.journal import recorded
from operators.printable import printable

from deploys import answers, by_hand, checkouts, deploying, rollouts, sealing
from deploys.account import Account, show
from deploys.deploying import Scope
from deploys.errors import DeployError
from deploys.layout import Layout
from deploys.reader import Reader

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DESCRIPTION = """\
Deploy a branch of the control repository, or say which deployed commit nodes are given.

r10k makes the branch's commit beside what is served. It is checked, made read-only as environment c_COMMIT, and then
given to all who follow the branch: the fleet, tiers, nodes on trial. A node's next run uses it. If anything fails,
nothing has changed."""
EPILOG = """\
examples:
  deploy-environment production                          deploy; the fleet follows this branch
  deploy-environment --back                              give the fleet what it was given before
  deploy-environment 1a2b3c4d5e                          give the fleet a commit that is kept
  deploy-environment topic --node app1.example.org       a trial on one node, for an hour (--for 30m)
  deploy-environment topic --tier staging                the tier follows another branch; --end --tier staging ends it
  deploy-environment --list                              what is given to whom, and what is kept"""


def main(arguments: list[str] | None = None) -> int:
    """Run deploy-environment; return its exit status."""
    os.umask(0o022)  # Puppet Server is to read what is made, whatever the caller's umask is
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.postrun is not None:
        return _told(lambda: _postrun(" ".join(chosen.postrun).split()))
    what = shlex.join(sys.argv[1:] if arguments is None else arguments)
    if rolling_usage := _rollout_usage(chosen):
        parser.error(rolling_usage)
    if chosen.rollout is not None:
        return _told(lambda: _roll(chosen, what))
    scope = Scope(chosen.tier, tuple(chosen.node), chosen.seconds, chosen.seal, chosen.now)
    doing = [chosen.wanted is not None, chosen.back, chosen.end, chosen.list]
    if sum(doing) != 1:
        parser.error("give a BRANCH or a commit, or one of --back, --end, --list")
    if chosen.seal and (scope.narrow or chosen.kept or chosen.fleet or chosen.now or chosen.wanted is None):
        parser.error("--seal goes with BRANCH, and --commit if wanted: it gives the commit to nobody")
    if chosen.tier and chosen.node:
        parser.error("--tier and --node exclude each other")
    if chosen.end and not scope.narrow:
        parser.error("--end needs --tier or --node: the fleet always has an answer")
    if chosen.back and chosen.node:
        parser.error("--back is for the fleet or a tier; --end --node ends a trial")
    if chosen.fleet and (scope.narrow or chosen.kept):
        parser.error("--fleet has the fleet follow a branch that is deployed now: without --tier, --node and --kept")
    return _told(lambda: _do(chosen, scope, what))


def main_r10k() -> int:
    """Run r10k as its account; what it deploys is a deploy. Return its exit status, or 1 if the deploy was refused."""
    os.umask(0o022)
    arguments = sys.argv[1:]
    return _told(lambda: _r10k(Layout.from_file(), arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy-environment",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("wanted", nargs="?", metavar="BRANCH|COMMIT", help="a branch, or a commit that is kept")
    parser.add_argument("--tier", help="only for nodes that have this tier in their certificates")
    parser.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="CERTNAME",
        help="only for this node; may be given more than once",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=_duration,
        default=3600,
        metavar="TIME",
        help="how long nodes are given it: 30m, 2h, 1d (1h)",
    )
    parser.add_argument(
        "--commit", metavar="SHA", help="with BRANCH: refuse to deploy if r10k finds the branch at another commit"
    )
    parser.add_argument("--kept", action="store_true", help="the branch as it was deployed last: r10k is not asked")
    parser.add_argument("--fleet", action="store_true", help="the fleet follows BRANCH from now on")
    parser.add_argument("--back", action="store_true", help="give the fleet, or a tier, what it was given before")
    parser.add_argument("--end", action="store_true", help="the tier or the nodes have no answer of their own any more")
    parser.add_argument("--list", action="store_true", help="say what is given to whom, and what is kept")
    parser.add_argument("--json", action="store_true", help="with --list: for a program")
    parser.add_argument("--seal", action="store_true", help="with BRANCH: deploy its commit, and give it to nobody yet")
    parser.add_argument("--now", action="store_true", help="go ahead where this steps on a rollout that is under way")
    rolling = parser.add_argument_group("what `fleet rollout` calls, for a commit that is kept, in a tier")
    rolling.add_argument("--rollout", type=_number, metavar="N", help="the rollout's number")
    rolling.add_argument("--epoch", type=_number, metavar="E", help="its controller's number: a lower one is refused")
    rolling.add_argument("--begin", action="store_true", help="it is under way; no node is given the commit by that")
    rolling.add_argument(
        "--no-nodes", action="store_true", help="no node is given the commit; with --node, these and no others are"
    )
    rolling.add_argument("--finish", action="store_true", help="the tier is given it; with --fleet, the fleet as well")
    rolling.add_argument("--abort", action="store_true", help="the tier is given what it was before")
    parser.add_argument("--postrun", nargs="*", help=argparse.SUPPRESS)  # what r10k.yaml calls
    return parser


def _do(chosen: argparse.Namespace, scope: Scope, what: str) -> int:
    layout = Layout.from_file()
    if chosen.list:
        _list(layout, as_json=chosen.json)
        return 0
    _require_root()
    with recorded(_action(chosen), what):
        if chosen.back:
            deploying.back(layout, scope)
        elif chosen.end:
            deploying.end(layout, scope)
        elif chosen.kept or _is_kept(layout, chosen.wanted):
            deploying.give_kept(layout, chosen.wanted, scope)
        else:
            deploying.deploy(layout, chosen.wanted, scope, commit=chosen.commit, followed=chosen.fleet)
    return 0


def _rollout_usage(chosen: argparse.Namespace) -> str | None:
    """Say what is wrong with the arguments of a rollout; None if nothing is."""
    doing = [chosen.begin, bool(chosen.node) or chosen.no_nodes, chosen.finish, chosen.abort]
    if chosen.rollout is None:
        alone = chosen.epoch is not None or chosen.begin or chosen.no_nodes or chosen.finish or chosen.abort
        return "--epoch, --begin, --no-nodes, --finish and --abort need --rollout" if alone else None
    if chosen.epoch is None or not chosen.tier or sum(doing) != 1 or (chosen.node and chosen.no_nodes):
        return "--rollout needs --epoch, --tier, and one of --begin, --node, --no-nodes, --finish, --abort"
    if chosen.wanted is None and not (chosen.finish or chosen.abort):
        return "--begin, --node and --no-nodes need the commit"
    if chosen.fleet and not chosen.finish:
        return "with --rollout, --fleet goes with --finish"
    if chosen.back or chosen.end or chosen.list or chosen.seal or chosen.now or chosen.commit:
        return "--rollout excludes --back, --end, --list, --seal, --now and --commit"
    return None


def _roll(chosen: argparse.Namespace, what: str) -> int:
    layout = Layout.from_file()
    _require_root()
    with recorded("rollout", what):
        environment = None
        if chosen.wanted is not None:
            _, environment = deploying.kept(layout, answers.load(layout.answers), chosen.wanted)
        call = rollouts.Call(chosen.rollout, chosen.epoch, chosen.tier, environment)
        if chosen.begin and environment:
            rollouts.begin(layout, call, environment)
        elif chosen.finish:
            rollouts.finish(layout, call, fleet=chosen.fleet)
        elif chosen.abort:
            rollouts.abort(layout, call)
        else:
            rollouts.give(layout, call, chosen.node)
    return 0


def _action(chosen: argparse.Namespace) -> str:
    """What a record calls it."""
    if chosen.back or chosen.end:
        return "back" if chosen.back else "end"
    return "trial" if chosen.node else "deploy"


def _is_kept(layout: Layout, wanted: str) -> bool:
    """Whether a commit is meant. A branch that looks like one is a branch."""
    if not re.fullmatch(r"(c_)?[0-9a-f]{7,40}", wanted):
        return False
    return checkouts.name_of(wanted) not in answers.load(layout.answers).branches


def _postrun(names: list[str]) -> int:
    if checkouts.hand_over(names):
        return 0
    raise DeployError("what this r10k has made is given to no node: root calls `r10k`, without a path")


def _r10k(layout: Layout, arguments: list[str]) -> int:
    if os.geteuid() != 0:
        os.execv(layout.r10k, [str(layout.r10k), *arguments])
    if "deploy" in arguments and not {"--config", "-c"} & set(arguments):
        # It is not where r10k looks: /usr/bin/r10k, typed by root, would run code of a branch as root.
        arguments = [*arguments, "--config", str(layout.r10k_config)]
    what = {"environment", "module"} & set(arguments)
    if "deploy" not in arguments or not what or {"--help", "-h"} & set(arguments):
        command = [str(layout.r10k), *arguments]
        process = Account.of(layout).start(command, cwd=str(Path.cwd()), stderr=subprocess.PIPE)
        status, _ = show(process)
        return status
    if "environment" in what and not {"--modules", "-m", "--puppetfile", "-p"} & set(arguments):
        # An environment with the modules of another commit would be refused.
        arguments = [*arguments, "--modules"]
    with checkouts.only_one(layout), Reader(layout) as reader:
        done = checkouts.run(layout, arguments, apart=True)
        fine = deploying.finish(layout, done.checkouts, reader) if done.checkouts else True
    return done.status or (0 if fine else 1)


def _list(layout: Layout, *, as_json: bool) -> None:
    state = answers.load(layout.answers)
    if as_json:
        commits = {name: sealing.sealed_commit(layout, name) for name in sorted(sealing.all_sealed(layout))}
        print(json.dumps({**asdict(state), "commits": commits}, indent=1))
        return
    rows = [("the fleet", state.fleet), *((f"tier {name}", answer) for name, answer in state.tiers.items())]
    rows += [(name, answer) for name, answer in state.nodes.items()]
    for name, answer in rows:
        if answer is None:
            print(f"{name}: nothing is deployed")
            continue
        follows = f" follows {answer.branch}," if answer.branch else ""
        print(f"{name}: {answer.environment},{follows} since {_time(answer.since)} by {answer.by}{_ends(answer)}")
        if answer.before:
            print(f"  before: {', '.join(reversed(answer.before))}")
    for tier, rollout in sorted(state.rollouts.items()):
        nodes = ", ".join(rollout.nodes) or "no node"
        print(f"{by_hand.described(state, [tier])}: {rollout.environment}, given to {nodes}")
    for branch, environment in sorted(state.branches.items()):
        print(f"branch {branch}: deployed last as {environment}")


def _ends(answer: answers.Answer) -> str:
    return f", until {_time(answer.until)}" if answer.until else ""


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _duration(text: str) -> int:
    parts = re.fullmatch(r"(?:\d+[smhd])+", text)
    seconds = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
    if not parts or not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: say 30m, 2h or 1d")
    return seconds


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise DeployError("run it as root")


def _told(work: Callable[[], int]) -> int:
    try:
        return work()
    except DeployError as error:
        print(f"deploy-environment: {printable(str(error))}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"deploy-environment: {printable(str(error))}; `deploy-environment --list` says what is given now",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
