"""fleet-answers, and fleet-deploy: which commit nodes are given, and the change of that."""

from collections.abc import Sequence

from operators import arguments as checked
from operators import places, programs
from operators.errors import UsageError

FLAGS = ("--back", "--end", "--kept", "--seal", "--now", "--begin", "--no-nodes", "--finish", "--abort", "--fleet")
OF_ROLLOUTS = {"--begin", "--no-nodes", "--finish", "--abort", "--fleet"}
OPTIONS = {
    "--rollout": checked.NUMBER,
    "--epoch": checked.NUMBER,
    "--commit": checked.COMMIT,
    "--tier": checked.TIER,
    "--for": checked.TIME,
    "--node": checked.NODE,
}


def answers(arguments: Sequence[str]) -> int:
    """Say as JSON what is given to whom."""
    checked.none(arguments)
    programs.become([places.DEPLOY_ENVIRONMENT, "--list", "--json"])


def main(arguments: Sequence[str]) -> int:
    """Hand checked arguments to deploy-environment, which records what it does."""
    given = checked.parse(arguments, words=[checked.ENVIRONMENT], flags=FLAGS, options=OPTIONS, repeated=["--node"])
    if given.named("--rollout"):
        _check_rollout(given)
    elif given.named("--epoch") or given.flags & OF_ROLLOUTS:
        # --fleet above all: without a rollout it would have the fleet follow another branch.
        raise UsageError(f"{', '.join(sorted(OF_ROLLOUTS))} and --epoch need --rollout")
    elif not given.words and not given.flags & {"--back", "--end"}:
        raise UsageError("say a branch or a commit, --back or --end")
    programs.become([places.DEPLOY_ENVIRONMENT, *arguments])


def _check_rollout(given: checked.Given) -> None:
    ends = given.flags & {"--finish", "--abort"}
    nodes = given.named("--node")
    does = [*(given.flags & {"--begin", "--no-nodes"}), *ends, *(["--node"] if nodes else [])]
    if len(does) != 1 or not given.named("--epoch") or not given.named("--tier"):
        raise UsageError("--rollout needs --epoch, --tier, and one of --begin, --node, --no-nodes, --finish, --abort")
    if not given.words and not ends:
        raise UsageError(f"{does[0]} needs the commit")
    if given.flags & {"--back", "--end", "--seal", "--now"} or given.named("--commit") or given.named("--for"):
        raise UsageError("--rollout excludes --back, --end, --seal, --now, --commit and --for")
    if "--fleet" in given.flags and "--finish" not in given.flags:
        raise UsageError("with --rollout, --fleet goes with --finish")
