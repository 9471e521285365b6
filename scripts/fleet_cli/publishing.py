"""Debian packages into the lab's signed apt repository on the Puppet server."""

from collections.abc import Sequence
from pathlib import Path

from fleet_cli import building, process, ssh, steps
from fleet_cli.labfile import Lab

INBOX = "/var/cache/fleet-inbox"
COMMAND = "/usr/local/sbin/publish-package"


def publish(lab: Lab, files: Sequence[Path]) -> str:
    """Add packages to the repository and publish it; return what the repository says.

    Nothing is uploaded unless every file is a Debian package.

    Raises:
        FleetError: a file is no package, or the repository refuses one.
    """
    packages = [building.describe(file) for file in files]
    names = ", ".join(f"{package.name} {package.version}" for package in packages)
    with steps.step(f"publishing {names}"):
        ssh.run(lab.server, ["mkdir", "-p", INBOX])
        targets = [f"{INBOX}/{package.path.name}" for package in packages]
        for package, target in zip(packages, targets, strict=True):
            ssh.upload(lab.server, package.path, target)
        try:
            return ssh.run(lab.server, [COMMAND, *targets]).stdout
        finally:
            ssh.run(lab.server, ["rm", "-f", *targets], check=False)


def published(lab: Lab) -> set[str]:
    """Return `NAME_VERSION_ARCHITECTURE` of every package in the repository."""
    listing: process.Result = ssh.run(lab.server, ["aptly", "repo", "show", "-with-packages", "fleet"], check=False)
    return {line.strip() for line in listing.stdout.splitlines() if line.startswith("  ")}
