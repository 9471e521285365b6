"""Debian packages into the fleet's signed apt repository on the Puppet server."""

import io
import tarfile
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet_cli.fleet import ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import declared, fleet_data
from fleet_cli.repository.services import SERVICES
from fleet_cli.repository.trees import Directory
from fleet_cli.services.building import Package

PROGRAM = "fleet-publish"
"""The program on the Puppet server that takes an archive of packages, and publishes all of them or none."""
DECLARED = "declared"
"""Its member that lists the packages of declared services, one a line."""
_SPEAKERS = (f"{PROGRAM}: ", "publish-package: ")


def publish(fleet: Fleet, packages: Sequence[Package], repo: Path) -> str:
    """Add packages to the repository and publish it; return what the repository says.

    Args:
        fleet: whose repository.
        packages: all of them or none.
        repo: the control repository that declares services, perhaps some that are not deployed yet.

    Raises:
        FleetError: the server does not answer, or the repository refuses one.
    """
    if twice := sorted(name for name, count in Counter(each.path.name for each in packages).items() if count > 1):
        raise FleetError(f"{', '.join(twice)}: two files of that name: publish them one after the other")
    names = ", ".join(f"{package.name} {package.version}" for package in packages)
    said = fleet_data.read(Directory(repo), mentioning=SERVICES)
    ours = sorted({package.name for package in packages} & declared.packages(said))
    with steps.step(f"publishing {names}"), tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as writing:
            _add_text(writing, DECLARED, "".join(f"{name}\n" for name in ours))
            for package in packages:
                writing.add(package.path, package.path.name, recursive=False, filter=_of_nobody)
        archive.seek(0)
        result = ssh.run(fleet, fleet.server, PROGRAM, file=archive, check=False)
        return _told(result, {package.path.name: package.path for package in packages})


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file as the archive has it: whose it is here, and since when, is nobody's business."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    return member


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    archive.addfile(member, io.BytesIO(text.encode()))


def published(fleet: Fleet) -> set[str]:
    """Return `NAME VERSION ARCHITECTURE` of every package that machines can install."""
    listing = ssh.run(fleet, fleet.server, PROGRAM, "--list", check=False)
    return set(listing.stdout.splitlines())


def _told(result: process.Result, targets: Mapping[str, Path]) -> str:
    """What the repository says, with the names of files here.

    Raises:
        FleetError: it refuses one.
    """
    said = result.stderr
    for target, path in targets.items():
        said = said.replace(target, str(path))
    lines = [line.partition(": ")[2] for line in said.splitlines() if line.startswith(_SPEAKERS)]
    for line in lines[: len(lines) - (result.returncode != 0)]:
        steps.say(line)
    if result.returncode == 0:
        return result.stdout
    if lines:
        raise FleetError(lines[-1])
    raise CommandFailedError(list(result.args), result.returncode, result.stderr or result.stdout)
