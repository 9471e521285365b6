"""A pure cgroup2 tree for the boxes, on machines whose /sys/fs/cgroup is not one.

systemd in a box wants cgroup2. Where the machine mounts cgroup v1 or both, the boxes are started in a mount
namespace of their own, in which the cgroup2 tree is bound over /sys/fs/cgroup. Nothing changes outside of it.
"""

from pathlib import Path

from fleet_cli.machine import host, paths, process
from fleet_cli.machine.errors import FleetError

CGROUP = Path("/sys/fs/cgroup")
_HOLDER = paths.RUN / "namespace"
_NAMESPACE = _HOLDER / "mnt"


def enter(argv: list[str], directory: Path | None = None) -> list[str]:
    """Return the command line that runs `argv` where /sys/fs/cgroup is cgroup2.

    Args:
        argv: a command line.
        directory: where it runs; without it, where this process does.
    """
    tree = host.cgroup2()
    if tree is None:
        raise FleetError("no cgroup2 hierarchy is mounted on this machine: boxes can't run here")
    if tree == CGROUP:
        return argv
    if not _mounted(_NAMESPACE):
        _HOLDER.mkdir(parents=True, exist_ok=True)
        if not _mounted(_HOLDER):
            process.run(["mount", "--bind", _HOLDER, _HOLDER])
            process.run(["mount", "--make-private", _HOLDER])
        _NAMESPACE.touch()
        process.run(["unshare", f"--mount={_NAMESPACE}", "--propagation", "slave", "mount", "--bind", tree, CGROUP])
    return ["nsenter", f"--mount={_NAMESPACE}", f"--wd={directory or Path.cwd()}", *argv]


def _mounted(path: Path) -> bool:
    """Whether something is mounted there; a bind of a directory on itself counts, which os.path.ismount overlooks."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4] == str(path) for line in mounts)


def down() -> None:
    """Let go of the namespace."""
    for mount in (_NAMESPACE, _HOLDER):
        while _mounted(mount):
            process.run(["umount", "--lazy", mount])
