"""How a process gets into a sandbox: the command lines of enter.py and of bubblewrap."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet_cli.machine import process, temporary
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.sandbox import ability, limits, syscalls
from fleet_cli.sandbox.enter import BUILDER, FAILED
from fleet_cli.sandbox.limits import Limits

ENTER = Path(__file__).with_name("enter.py")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp",  # noqa: S108 - inside
               "DEBIAN_FRONTEND": "noninteractive"}  # fmt: skip
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP", "SETGID", "SETPCAP", "SETUID")
"""What root inside keeps: what dpkg needs to install packages, and what it takes to drop the rest."""
AS_BUILDER = ("setpriv", "--reuid", str(BUILDER), "--regid", str(BUILDER), "--clear-groups", "--bounding-set", "-all",
              "--inh-caps", "-all", "--no-new-privs")  # fmt: skip
"""The command that turns root inside into the user that foreign code is."""


def inside(
    argv: Sequence[str], reads: Mapping[Path, str], env: Mapping[str, str], *, root: bool, network: bool
) -> dict[str, object]:
    """The part of a specification that says what is run in namespaces of its own, and what it sees.

    Args:
        argv: the command, as found inside.
        reads: directories or files of this machine, and where they are inside, for reading.
        env: variables beside ENVIRONMENT.
        root: whether it is root inside, and not the user `builder`.
        network: whether it has this machine's network.
    """
    given = dict(reads)
    if network:
        given[Path("/etc/resolv.conf").resolve()] = "/etc/resolv.conf"
    # bubblewrap would make them for root alone.
    parents = sorted({str(parent) for place in given.values() for parent in Path(place).parents} - {"/"})
    mounts = [word for parent in parents for word in ("--perms", "0755", "--dir", parent)]
    for number, place in enumerate(given.values()):
        mounts += ["--ro-bind", f"/mnt/in/{number}", place]
    capabilities = [word for name in CAPABILITIES for word in ("--cap-add", f"CAP_{name}")]
    bounding = ",".join(["-all", *(f"+{name.lower()}" for name in CAPABILITIES)])
    as_root = ("setpriv", "--bounding-set", bounding, "--inh-caps", "-all", "--no-new-privs")
    variables = [word for pair in {**ENVIRONMENT, **env}.items() for word in ("--setenv", *pair)]
    bwrap = [
        "--bind", "/mnt/root", "/", "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm",  # noqa: S108
        *mounts, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox",
        *([] if network else ["--unshare-net"]), "--die-with-parent", "--new-session",
        "--cap-drop", "ALL", *capabilities, "--clearenv", *variables, "--chdir", "/",
    ]  # fmt: skip
    return {
        "in": [str(path) for path in given],
        "argv": [*(as_root if root else AS_BUILDER), *argv],
        "bwrap": bwrap,
        "filter": syscalls.program().hex(),
    }


def command(
    directory: Path,
    what: Mapping[str, object],
    limited: Limits,
    *,
    lower: Sequence[Path] = (),
    changes: Path | None = None,
) -> list[str]:
    """Return the command line that enters a sandbox.

    Args:
        directory: gets the file with the specification, which enter.py removes.
        what: of `inside`; or argv and env of a command that works on the root file system from outside, as its owner.
        limited: what it may use.
        lower: the directories of the overlay, the highest first.
        changes: a directory with `upper` and `work`, which keeps what is changed; without it nothing is kept.
    """
    user = os.geteuid() != 0
    specification = {
        "in": [], "bwrap": [], "filter": "", "env": {},
        **what,
        "lower": [str(path) for path in lower],
        "changes": str(changes or ""),
        "limits": dict(limited.resources()),
        "scratch": f"size={limited.scratch},nr_inodes={limits.FILES}",
        "subuids": list(ability.subordinate("uid")) if user else [],
        "subgids": list(ability.subordinate("gid")) if user else [],
        "program": shutil.which("bwrap") or "bwrap",
    }  # fmt: skip
    file = directory / "specification.json"
    file.write_text(json.dumps(specification), encoding="utf-8")
    return [*limited.scope(), sys.executable, "-I", "-S", str(ENTER), str(file)]


def require_entered(result: process.Result) -> None:
    """Tell the end of what ran inside from a failure to get there.

    Raises:
        FleetError: it did not get there; says why, and what to do.
    """
    said = result.stderr or result.stdout
    if result.returncode == FAILED and said.rstrip().endswith("}"):
        raise FleetError(ability.why(said))


def run(
    what: Mapping[str, object], limited: Limits, *, lower: Sequence[Path] = (), changes: Path | None = None
) -> None:
    """Run a command of fleet's own on a root file system; see `command`.

    Raises:
        CommandFailedError: its status is not 0.
        FleetError: this machine can't make a sandbox.
    """
    with temporary.directory() as directory:
        line = command(directory, what, limited, lower=lower, changes=changes)
        result = process.run(line, cwd=Path("/"), check=False, merge=True, seconds=limited.seconds)
    require_entered(result)
    if result.returncode != 0:
        argv = [str(word) for word in what["argv"]]  # type: ignore[attr-defined]
        raise CommandFailedError(argv, result.returncode, result.stdout)
