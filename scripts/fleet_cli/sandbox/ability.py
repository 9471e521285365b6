"""Whether this machine lets an ordinary user make a sandbox, and what an administrator does where it does not."""

import getpass
import json
import os
import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fleet_cli.machine.errors import FleetError

PROGRAMS = {"bwrap": "bubblewrap", "mmdebstrap": "mmdebstrap"}
"""What is needed, and the Debian package that has it."""
USERS_PROGRAMS = {"newuidmap": "uidmap", "newgidmap": "uidmap"}
"""What is needed besides where fleet does not run as root."""
NEEDED_IDS = 65_536
_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "lustre")


class Ids(NamedTuple):
    """A range of subordinate ids."""

    first: int
    number: int


def require_programs() -> None:
    """Refuse to go on without the programs.

    Raises:
        FleetError: some are not installed; the message has what installs them.
    """
    wanted = PROGRAMS if os.geteuid() == 0 else {**PROGRAMS, **USERS_PROGRAMS}
    missing = sorted({package for name, package in wanted.items() if shutil.which(name) is None})
    if missing:
        raise FleetError(
            f"not installed: {', '.join(missing)}. As root: `apt-get install {' '.join(missing)}`"
            f" (docs/hosts.md has other systems' names)"
        )


@cache
def subordinate(kind: str) -> Ids:
    """Return this user's range of subordinate ids.

    Args:
        kind: `uid` or `gid`.

    Raises:
        FleetError: there is none, or it is too small.
    """
    file = Path(f"/etc/sub{kind}")
    user = _user()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [
        Ids(int(first), int(count))
        for name, first, count in (line.split(":") for line in lines if line.count(":") == 2)
        if name in (user, str(os.getuid())) and first.isdigit() and count.isdigit()
    ]
    most = max(found, key=lambda ids: ids.number, default=None)
    if most is None or most.number < NEEDED_IDS:
        had = f"{user} has {most.number} subordinate ids in {file}" if most else f"{file} has no line for {user}"
        raise FleetError(
            f"{had}; {NEEDED_IDS} are needed. As root, with a range that is nobody's in /etc/subuid and /etc/subgid:"
            f" `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`"
        )
    return most


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def require_local(directory: Path) -> None:
    """Refuse a directory on a file system of another machine, where no root file system can be.

    Raises:
        FleetError: it is on one.
    """
    mounts = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, target, kind, *_ = line.split()
        mounts.append((target.encode().decode("unicode_escape"), kind))
    held = [(target, kind) for target, kind in mounts if directory.absolute().is_relative_to(target)]
    kind = max(held, key=lambda each: len(each[0]), default=("", ""))[1]
    if kind in _NETWORK_FILE_SYSTEMS:
        raise FleetError(
            f"{directory} is on {kind}, which can't hold a root file system of other users' files: set XDG_STATE_HOME"
            " to a directory on a local disk"
        )


def why(said: str) -> str:
    """Put what enter.py could not do in words, with what an administrator does.

    Args:
        said: its standard error, whose last line is JSON.
    """
    lines = said.strip().splitlines()
    try:
        failed = json.loads(lines[-1])
        step, number, words = str(failed["step"]), str(failed["errno"]), str(failed["words"])
    except (IndexError, ValueError, KeyError, TypeError):
        return said.strip() or "it ended without a word"
    if step == "userns":
        return _why_no_namespaces(number)
    if step in ("newuidmap", "newgidmap"):
        return (
            f"{step} refused: {words}. It must be setuid root or have file capabilities, and /etc/subuid and"
            f" /etc/subgid must have the range: as root, `apt-get install --reinstall uidmap`"
        )
    if step == "overlay":
        return (
            f"this kernel mounts no overlay in a user namespace ({number}): Linux 5.11 or newer does, if the overlay"
            f" module is loaded: as root, `modprobe overlay`"
        )
    if step in ("mount", "tmpfs", "map") or step.startswith("bind"):
        forbids = "this machine, or the container that it is, forbids mounts"
        return f"{step} failed ({number or words}): {forbids}"
    return f"{step} failed: {number} {words}".strip()


def _why_no_namespaces(number: str) -> str:
    for file, forbids, mends in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):  # fmt: skip
        try:
            value = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if value == forbids:
            return (
                f"user namespaces are forbidden to ordinary users here ({file} is {value}). As root: `{mends}`, and a"
                f" file in /etc/sysctl.d that says the same at the next start"
            )
    return (
        f"no user namespace can be made here ({number}): this machine, or the container that it is, forbids them; in"
        f" Docker, a seccomp profile and `--security-opt` decide"
    )
