"""Debian 13 root file systems: the base of the boxes, and layers on it for builds and for checks.

The base is made once by mmdebstrap. A layer is what an apt-get install added to the base, kept as the upper directory
of an overlay. `run` works in a throw-away overlay on top, in namespaces of its own: nothing that a command does is
kept.
"""

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fleet_cli import host, paths, process, steps
from fleet_cli.errors import CommandFailedError, FleetError

RELEASE = "trixie"
BASE_PACKAGES = (
    "ca-certificates", "cron", "curl", "dbus", "gnupg", "iproute2", "iputils-ping", "libpam-systemd", "logrotate",
    "netbase", "nftables", "openssh-server", "procps", "puppet-agent", "python3", "sudo", "systemd", "systemd-sysv",
)  # fmt: skip
LAYER_PACKAGES: dict[str, tuple[str, ...]] = {
    # what dpkg-buildpackage needs for any service of the template
    "build": ("build-essential", "debhelper", "dh-virtualenv", "lintian", "python3-dev", "python3-pip",
              "python3-setuptools", "python3-venv", "python3-wheel"),
    # what checks Puppet code as the server would
    "toolbox": ("git", "hiera-eyaml", "puppet-lint", "r10k"),
    # what checks the Jenkins jobs and pipelines: Debian's Groovy is of the release line that Jenkins itself runs
    "jenkins": ("groovy", "jenkins-job-builder"),
}  # fmt: skip
MASKED_UNITS = (
    "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-modules-load.service",
    "systemd-networkd-wait-online.service", "getty@tty1.service", "console-getty.service", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "sys-kernel-config.mount", "dev-hugepages.mount",
)  # fmt: skip
HOST_KEYS_UNIT = """\
[Unit]
Description=Generate ssh host keys at the first boot
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
WantedBy=multi-user.target
"""

_ENTER = r"""
set -eu
root=$1 lower=$2 upper=$3 work=$4; shift 4
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
for device in null zero full random urandom tty; do
  [ -e "$root/dev/$device" ] || touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -p "$root/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")"; touch "$root$2"; fi
  mount --bind "$1" "$root$2"; shift 2
done; shift
rm -f "$root/etc/resolv.conf"; cp -L /etc/resolv.conf "$root/etc/resolv.conf"
ip link set lo up 2>/dev/null || true
exec chroot "$root" "$@"
"""

_making = threading.Lock()


def ensure_base() -> Path:
    """Make the base root file system unless it is there as this fleet would make it; return its directory.

    Raises:
        FleetError: a registry can't be reached, the disk is full, or boxes still stand on an older base.
    """
    host.require_debian_root()
    with _making:
        recipe = _digest(RELEASE, *BASE_PACKAGES, *MASKED_UNITS, HOST_KEYS_UNIT, _apt_sources(), _apt_settings())
        if _made_from(paths.BASE) == recipe:
            return paths.BASE
        host.require_disk()
        if any(paths.LXC.glob(paths.CONTAINER_PREFIX + "*")):
            raise FleetError(
                "the boxes stand on an older base, which must not change under them: `fleet lab down` first"
            )
        host.ensure_packages(host.ROOTFS_PACKAGES)
        with steps.step("base: Debian 13 root file system"):
            _make(paths.BASE, recipe, _bootstrap)
        for layer in LAYER_PACKAGES:
            _forget(paths.LAYERS / layer)
    return paths.BASE


def ensure_layer(name: str) -> Path:
    """Make a layer of the base unless it is there; return its directory."""
    base = ensure_base()
    directory = paths.LAYERS / name
    packages = LAYER_PACKAGES[name]
    recipe = _digest(_made_from(base), *packages)
    with _layer_locks[name]:
        if _made_from(directory) != recipe:
            with steps.step(f"layer {name}: {' '.join(packages)}"):
                _make(directory, recipe, lambda upper: _install(upper, packages))
    return directory


_layer_locks = {name: threading.Lock() for name in LAYER_PACKAGES}


def run(
    layer: str,
    argv: Sequence[str],
    *,
    binds: Mapping[Path, str] | None = None,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> process.Result:
    """Run a command in a throw-away copy of a layer, with this machine's network.

    Args:
        layer: a key of LAYER_PACKAGES, or "" for the bare base.
        argv: the command, as found inside.
        binds: directories or files of this machine, and where they appear inside (writable).
        stdin, env, check, on_line: as in process.run.

    Raises:
        CommandFailedError: `check` is set and the status is not 0.
    """
    lower = f"{ensure_layer(layer)}:{paths.BASE}" if layer else str(ensure_base())
    sweep()
    with scratch() as directory:
        upper = directory / "upper"
        upper.mkdir()
        return _enter(lower, upper, argv, binds=binds, stdin=stdin, env=env, check=check, on_line=on_line)


def sweep() -> None:
    """Remove what killed runs left in the work directory."""
    for directory in paths.WORK.glob("*-*") if paths.WORK.exists() else ():
        pid = directory.name.partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk of the state, named after this process so that sweep knows when it is nobody's."""
    paths.WORK.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=paths.WORK))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _enter(
    lower: str,
    upper: Path,
    argv: Sequence[str],
    *,
    binds: Mapping[Path, str] | None = None,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> process.Result:
    with scratch() as directory:
        for part in ("root", "work"):
            (directory / part).mkdir()
        mounts = [str(item) for pair in (binds or {}).items() for item in pair]
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
                 "DEBIAN_FRONTEND": "noninteractive", **(env or {})}  # fmt: skip
        inside = ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in clean.items()), *argv]
        result = process.run(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER,
             "enter", directory / "root", lower, upper, directory / "work", *mounts, "--", *inside],
            stdin=stdin, check=False, on_line=on_line,
        )  # fmt: skip
    if check and result.returncode != 0:
        raise CommandFailedError(list(argv), result.returncode, result.stderr or result.stdout)
    return result


def _install(upper: Path, packages: tuple[str, ...]) -> None:
    _enter(
        str(paths.BASE),
        upper,
        [
            "apt-get",
            "-q",
            "-y",
            "-o",
            "Dpkg::Options::=--force-unsafe-io",
            "--no-install-recommends",
            "install",
            *packages,
        ],
        on_line=lambda _: None,
    )
    shutil.rmtree(upper / "var/cache/apt", ignore_errors=True)


def _bootstrap(root: Path) -> None:
    sources = _apt_sources()
    root.rmdir()
    try:
        process.run(
            ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet",
             f"--include={','.join(BASE_PACKAGES)}",
             "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
             *(f"--aptopt={line}" for line in _apt_settings().splitlines()),
             "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=force-unsafe-io",
             "--skip=cleanup/apt/lists",  # a bare `package` resource fails on a box that has no lists
             RELEASE, root, "-"],
            stdin=sources, merge=True,
        )  # fmt: skip
    except CommandFailedError as error:
        raise FleetError(
            f"{error}\nthe base could not be made: are Debian's repositories reachable, and is the disk not full?"
        ) from None
    _prepare_for_containers(root)


def _prepare_for_containers(root: Path) -> None:
    units = root / "etc/systemd/system"
    (root / "etc/machine-id").write_text("", encoding="utf-8")
    for key in root.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    (root / "etc/hostname").unlink(missing_ok=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    for unit in MASKED_UNITS:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    # vagrant's way of naming a Debian box asks systemd-networkd, which must not touch the address LXC gave
    for name, target in (
        ("systemd-networkd.service", "/lib/systemd/system/systemd-networkd.service"),
        ("ssh-hostkeys.service", "/etc/systemd/system/ssh-hostkeys.service"),
    ):
        (wanted / name).unlink(missing_ok=True)
        (wanted / name).symlink_to(target)
    (root / "etc/systemd/network/20-eth0.network").write_text(
        "[Match]\nName=eth0\n\n[Link]\nUnmanaged=yes\n", encoding="utf-8"
    )
    (units / "ssh-hostkeys.service").write_text(HOST_KEYS_UNIT, encoding="utf-8")
    (wanted / "puppet.service").unlink(missing_ok=True)  # the agent runs when it is asked to
    process.run(["chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "vagrant"])
    sudoers = root / "etc/sudoers.d/vagrant"
    sudoers.write_text("vagrant ALL=(ALL) NOPASSWD:ALL\n", encoding="utf-8")
    sudoers.chmod(0o440)


def _make(directory: Path, recipe: str, fill: Callable[[Path], None]) -> None:
    """Fill a new directory and put it in place at once; what stands there is whole or absent."""
    _forget(directory)
    sweep()
    with scratch() as work:
        new = work / "new"
        new.mkdir()
        fill(new)
        replace(directory, new)
    _stamp(directory).write_text(json.dumps({"made_from": recipe}), encoding="utf-8")


def replace(directory: Path, new: Path) -> None:
    """Put a directory in the place of another one, at once as seen by whoever comes next."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    if directory.exists():
        shutil.rmtree(directory)
    new.rename(directory)


def _forget(directory: Path) -> None:
    _stamp(directory).unlink(missing_ok=True)
    if directory.exists():
        shutil.rmtree(directory)


def _stamp(directory: Path) -> Path:
    return directory.with_name(directory.name + ".json")


def _made_from(directory: Path) -> str:
    try:
        return str(json.loads(_stamp(directory).read_text(encoding="utf-8"))["made_from"])
    except (FileNotFoundError, ValueError, KeyError):
        return ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _apt_sources() -> str:
    """This machine's Debian repositories, as one-line sources for the release of the nodes.

    Raises:
        FleetError: apt on this machine has no Debian repository with downloaded lists.
    """
    own = host.codename()
    lines: dict[str, None] = {}
    for attempt in (1, 2):
        listing = process.run(
            ["apt-get", "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)"],
            check=False,
        ).stdout
        for line in listing.splitlines():
            kind, origin, uri, suite = line.split("|")
            if kind == "Packages" and origin == "Debian" and suite.startswith(own):
                lines[f"deb {uri} {suite.replace(own, RELEASE, 1)} main"] = None
        if lines or attempt == 2:
            break
        process.run(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "update"], check=False)
    if not lines:
        raise FleetError(
            "apt on this machine knows no Debian repository, or can't reach one: see /etc/apt, and try `apt-get update`"
        )
    return "\n".join(lines) + "\n"


def _apt_settings() -> str:
    """What this machine's apt was told about dates and proxies, which its guests need as well."""
    names = (
        "Acquire::Check-Valid-Until",
        "Acquire::Check-Date",
        "Acquire::http::Proxy",
        "Acquire::https::Proxy",
    )
    lines = process.run(["apt-config", "dump"]).stdout.splitlines()
    return "\n".join(line for line in lines if line.split(" ", 1)[0] in names)
