"""Debian packages into the lab's signed apt repository on the Puppet server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet_cli.fleet import ssh
from fleet_cli.lab.labfile import Lab
from fleet_cli.machine import process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.services import building
from fleet_cli.validation import layers, services, yaml_reader

INBOX = "/var/cache/fleet-inbox"
COMMAND = "/usr/local/sbin/publish-package"
_RECEIVE = r"""
set -eu
mkdir -p "$1"
find "$1" -mindepth 1 -maxdepth 1 -mmin +60 -exec rm -rf {} +
inbox=$(mktemp -d "$1/XXXXXXXX")
for number in $(seq "$2"); do mkdir "$inbox/$number"; done
echo "$inbox"
"""
"""A new directory in the inbox with one for each file; what killed calls have left is removed after an hour."""
_SPEAKER = "publish-package: "


def publish(lab: Lab, files: Sequence[Path], repo: Path) -> str:
    """Add packages to the repository and publish it; return what the repository says.

    Nothing is uploaded unless every file is a Debian package.

    Args:
        lab: whose repository.
        files: all of them or none.
        repo: the control repository that declares services, perhaps some that are not deployed yet.

    Raises:
        FleetError: a file is no package, or the repository refuses one.
    """
    packages = [building.describe(file) for file in files]
    names = ", ".join(f"{package.name} {package.version}" for package in packages)
    ours = sorted({package.name for package in packages} & declared(repo))
    with steps.step(f"publishing {names}"):
        asked = ["sh", "-c", _RECEIVE, "receive", INBOX, str(len(packages))]
        inbox = ssh.run(lab.server, asked).stdout.strip()
        targets = {f"{inbox}/{number}/{each.path.name}": each.path for number, each in enumerate(packages, start=1)}
        try:
            for target, path in targets.items():
                ssh.upload(lab.server, path, target)
            options = [f"--declared={name}" for name in ours]
            result = ssh.run(lab.server, [COMMAND, *options, "--", *targets], check=False)
        finally:
            ssh.run(lab.server, ["rm", "-rf", inbox], check=False)
        return _told(result, targets)


def published(lab: Lab) -> set[str]:
    """Return `NAME VERSION ARCHITECTURE` of every package that machines can install."""
    listing = ssh.run(lab.server, [COMMAND, "--list"], check=False)
    return set(listing.stdout.splitlines())


def declared(repo: Path) -> set[str]:
    """Return the packages of the services that a control repository declares."""
    files = [file for place in layers.load(repo).datadirs for file in sorted((repo / place).rglob("*.yaml"))]
    mentioning = [file for file in files if services.SERVICES.encode() in file.read_bytes()]
    said = services.declarations((str(file), yaml_reader.read(file, str(file))) for file in mentioning)
    return {services.merged(name, places).package for name, places in said.items()}


def _told(result: process.Result, targets: Mapping[str, Path]) -> str:
    """What the repository says, with the names of files here.

    Raises:
        FleetError: it refuses one.
    """
    said = result.stderr
    for target, path in targets.items():
        said = said.replace(target, str(path))
    lines = [line.removeprefix(_SPEAKER) for line in said.splitlines() if line.startswith(_SPEAKER)]
    for line in lines[: len(lines) - (result.returncode != 0)]:
        steps.say(line)
    if result.returncode == 0:
        return result.stdout
    if lines:
        raise FleetError(lines[-1])
    raise CommandFailedError(list(result.args), result.returncode, result.stderr or result.stdout)
