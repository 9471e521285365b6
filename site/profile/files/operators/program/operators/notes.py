"""fleet-note: a record on the Puppet server that somebody runs nodes by hand while a rollout is under way there."""

from collections.abc import Sequence

from operators import arguments as checked
from operators import journal
from operators.errors import UsageError

OPTIONS = {"--rollout": checked.NUMBER, "--tier": checked.TIER, "--node": checked.NODE}


def main(arguments: Sequence[str]) -> int:
    """Leave the record, whose beginning says all that matters: nodes may be many."""
    given = checked.parse(arguments, options=OPTIONS, repeated=["--node"])
    (number, *_), (tier, *_) = given.named("--rollout") or [""], given.named("--tier") or [""]
    nodes = given.named("--node")
    if not (number and tier and nodes):
        raise UsageError("say --rollout, --tier, and one --node at least")
    journal.record("run", f"--now, on rollout {number} in {tier}: {' '.join(nodes)}", journal.DONE)
    return 0
