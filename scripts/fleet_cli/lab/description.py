"""The lab as a fleet: the description that `fleet lab up` writes, which all other commands work with."""

from pathlib import Path

from fleet_cli.fleet import remotes
from fleet_cli.fleet.description import Fleet
from fleet_cli.lab import kind, remote
from fleet_cli.machine import paths
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Lab


def of(lab: Lab) -> Fleet:
    """Return the lab as a fleet, to whose remote commits come with the lab's secrets."""
    remotes.register(kind.WORD, lambda _fleet: remote.WithSecrets(lab))
    return Fleet(
        paths.LAB_FLEET, lab.server.name, f"ssh://{lab.server.name}{remote.PATH}", ssh_config=paths.SSH_CONFIG,
        commits=kind.WORD,
    )  # fmt: skip


def write(lab: Lab) -> None:
    """Write the description; `fleet --fleet lab`, and a clone without a fleet.yaml, read it."""
    fleet = of(lab)
    text = (
        f"# The lab of this machine. Written by `fleet lab up`.\nserver: {fleet.server}\nremote: {fleet.remote}\n"
        f"branch: {fleet.branch}\nssh_config: {paths.SSH_CONFIG.name}\ncommits: {kind.WORD}\n"
    )
    fleet.file.write_text(text, encoding="utf-8")
    # To others it is no fleet: the key of its boxes is root's.
    fleet.file.chmod(0o600)


def load(repo: Path) -> Lab:
    """Return the lab that lab.yaml of a control repository describes; raises as labfile.load does."""
    return labfile.load(repo / "lab.yaml")
