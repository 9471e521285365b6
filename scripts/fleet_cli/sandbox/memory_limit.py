"""Print the memory limit of the cgroup that this process is in, in bytes; nothing where no cgroup has one.

The standard library alone: it is run by a service manager, to learn whether that holds what it was asked to hold.
"""

from pathlib import Path


def of(cgroups: str, mounted: Path) -> str:
    """Return the limit; the empty string for none.

    Args:
        cgroups: what /proc/PID/cgroup says.
        mounted: where cgroups are mounted.
    """
    for line in cgroups.splitlines():
        _, controllers, path = line.split(":", 2)
        file = mounted / path.lstrip("/") / "memory.max"  # of version 2
        if "memory" in controllers.split(","):
            file = mounted / "memory" / path.lstrip("/") / "memory.limit_in_bytes"
        if file.exists():
            return file.read_text(encoding="ascii").strip()
    return ""


if __name__ == "__main__":
    print(of(Path("/proc/self/cgroup").read_text(encoding="utf-8"), Path("/sys/fs/cgroup")))
