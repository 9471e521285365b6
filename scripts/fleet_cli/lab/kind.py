"""The lab as a kind of fleet: commits come to its remote in a way of their own."""

from pathlib import Path

from fleet_cli.fleet import remotes
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.remotes import Remote
from fleet_cli.repository import labfile

WORD = "lab"
"""In `commits:` of a description: commits come to the remote as lab.remote brings them."""


def register(repo: Path) -> None:
    """Have commits come to the lab's remote with the lab's secrets, for the lab of a control repository."""

    def make(_fleet: Fleet) -> Remote:
        # Each command comes here, and few need it: it takes longer to load than all else here.
        from fleet_cli.lab import remote  # noqa: PLC0415

        return remote.WithSecrets(labfile.load(repo / "lab.yaml"))

    remotes.register(WORD, make)
