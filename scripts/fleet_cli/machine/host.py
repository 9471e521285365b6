"""The machine that fleet runs on: what it must be, and what it must have installed."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_cli.machine import paths, process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError

ROOTFS_PACKAGES = ("mmdebstrap", "ca-certificates", "git")
LAB_PACKAGES = (
    *ROOTFS_PACKAGES,
    "dnsmasq-base", "iproute2", "lxc", "nftables", "openssh-client", "vagrant", "vagrant-lxc",
)  # fmt: skip
FREE_GIB = 6
"""What the base, its layers and the boxes take at most, in GiB."""


def require_debian_root() -> None:
    """Refuse to go on where nothing of this can work.

    Raises:
        FleetError: the machine is not Debian, or the user is not root.
    """
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        raise FleetError("this machine is not Debian: run fleet on Debian 12; docs/hosts.md says what works where")
    if os.geteuid() != 0:
        raise FleetError("this needs root (containers, mounts, a bridge): run it as root, or with sudo")


def require_disk(directory: Path = paths.STATE, gib: int = FREE_GIB) -> None:
    """Refuse to fill the disk.

    Raises:
        FleetError: fewer than `gib` GiB are free where `directory` is or will be.
    """
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if free < gib:
        raise FleetError(
            f"{directory}: {free:.1f} GiB free, {gib} needed: free some space, or `fleet lab down --purge`"
        )


def ensure_packages(packages: tuple[str, ...]) -> None:
    """Install what is missing of the Debian packages that a command needs.

    Raises:
        FleetError: apt does not reach its repositories, or does not have a package.
    """
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    if "vagrant-lxc" in missing and codename() != "bookworm":
        raise FleetError(
            f"this is Debian {codename()}, which has no vagrant-lxc package (Debian 12, bookworm, has): run the lab on"
            " Debian 12. What needs no boxes works here: fleet build, fleet test unit, system and catalog."
        )
    with steps.step(f"installing {' '.join(missing)}"):
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600", "--no-install-recommends"]
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            process.run([*apt, "update"], env=quiet, merge=True)
            process.run([*apt, "install", *missing], env=quiet, merge=True)
        except CommandFailedError as error:
            raise FleetError(
                f"{error}\napt could not install {' '.join(missing)}: check its network and apt sources"
            ) from None


def _installed(package: str) -> bool:
    query = process.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], check=False)
    return query.stdout == "installed"


def codename() -> str:
    """The Debian release of this machine: `bookworm`, `trixie`."""
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return "unknown"


def pip_environment() -> dict[str, str]:
    """This machine's pip indexes and settings as environment variables, for a pip inside a root file system.

    Local paths are left out: they mean nothing in there. Certificates are in the root file system already.
    """
    settings: dict[str, str] = {}
    for line in process.run(["/usr/bin/python3", "-m", "pip", "config", "list"], check=False).stdout.splitlines():
        key, _, value = line.partition("=")
        scope, _, name = key.rpartition(".")
        if scope in ("global", "install", ":env:"):
            settings[name] = value.strip("'\"")
    for name in ("index-url", "extra-index-url", "trusted-host", "default-timeout", "proxy"):
        from_environment = os.environ.get("PIP_" + name.upper().replace("-", "_"))
        if from_environment:
            settings[name] = from_environment
    kept = {"index-url", "extra-index-url", "trusted-host", "default-timeout", "timeout", "proxy"}
    result = {}
    for name, value in settings.items():
        words = [word for word in value.split() if not word.startswith(("file:", "/"))]
        if name in kept and words:
            result["PIP_" + name.upper().replace("-", "_")] = " ".join(words)
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        if name in os.environ:
            result[name] = os.environ[name]
    return result


def certificates() -> str | bool:
    """Whom this machine trusts: the file with the CAs' certificates, as requests takes it."""
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    return str(bundle) if bundle.exists() else True


def why_no_containers() -> str | None:
    """Say why this machine can't run system containers; None where it can.

    Only the kernel and the privileges count: what is merely not installed is installed.
    """
    if os.geteuid() != 0:
        return "not root"
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "sh", "-ec",
         "d=$(mktemp -d); mount -t tmpfs none $d; mkdir $d/l $d/u $d/w $d/m;"
         "mount -t overlay overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w $d/m"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if probe.returncode != 0:
        return f"no namespaces or overlay mounts: {probe.stderr.strip()}"
    if cgroup2() is None:
        return "no cgroup2 hierarchy is mounted"
    name = f"fleet{os.getpid()}"  # at most 15 characters; another fleet may try at the same time
    bridge = process.run(["ip", "link", "add", name, "type", "bridge"], check=False)
    if bridge.returncode != 0:
        return f"no bridge can be made: {bridge.stderr.strip()}"
    process.run(["ip", "link", "del", name], check=False)
    return None


def cgroup2() -> Path | None:
    """Where the cgroup2 hierarchy is mounted."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, target, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(target)
    return None


@contextmanager
def lock() -> Iterator[None]:
    """Keep two fleets from changing this machine's lab at once.

    Raises:
        FleetError: another one is at work; the message has its process id and command.
    """
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise FleetError(
                f"another fleet is at work on this machine's lab ({file.read().strip()}): wait for it to end"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
