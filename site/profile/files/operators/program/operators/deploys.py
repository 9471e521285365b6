"""fleet-answers, and fleet-deploy: which commit nodes are given, and the change of that."""

from collections.abc import Sequence

from operators import arguments as checked
from operators import places, programs
from operators.errors import UsageError

FLAGS = ("--back", "--end", "--kept")
OPTIONS = {
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
    if not given.words and not given.flags & {"--back", "--end"}:
        raise UsageError("say a branch or a commit, --back or --end")
    programs.become([places.DEPLOY_ENVIRONMENT, *arguments])
