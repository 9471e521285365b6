"""The base: a Debian 13 root file system, made once by mmdebstrap, that boxes, builds and checks all stand on."""

import shutil
import threading
from pathlib import Path

from fleet_cli.machine import apt, cache, host, paths, process, steps
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import CommandFailedError, FleetError

PACKAGES = (
    "ca-certificates", "cron", "curl", "dbus", "gnupg", "iproute2", "iputils-ping", "libpam-systemd", "logrotate",
    "netbase", "nftables", "openssh-server", "procps", "puppet-agent", "python3", "sudo", "systemd", "systemd-sysv",
)  # fmt: skip
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


_making = threading.Lock()


def ensure() -> Path:
    """Make the base root file system unless it is there as this fleet would make it; return its directory.

    Raises:
        FleetError: a registry can't be reached, the disk is full, or boxes still stand on an older base.
    """
    host.require_debian_root()
    with _making:
        recipe = cache.digest(apt.RELEASE, *PACKAGES, *MASKED_UNITS, HOST_KEYS_UNIT, apt.sources(), apt.settings())
        if cache.recipe_of(paths.BASE) == recipe:
            return paths.BASE
        host.require_disk()
        if any(paths.LXC.glob(paths.CONTAINER_PREFIX + "*")):
            raise FleetError(
                "the boxes stand on an older base, which must not change under them: `fleet lab down` first"
            )
        host.ensure_packages(host.ROOTFS_PACKAGES)
        base = Directories(paths.BASE.parent)
        with steps.step("base: Debian 13 root file system"), base.made(paths.BASE.name, recipe, _bootstrap) as path:
            return path


def _bootstrap(root: Path) -> None:
    sources = apt.sources()
    root.rmdir()
    try:
        process.run(
            ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet",
             f"--include={','.join(PACKAGES)}",
             "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
             *(f"--aptopt={line}" for line in apt.settings().splitlines()),
             "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=force-unsafe-io",
             "--skip=cleanup/apt/lists",  # a bare `package` resource fails on a box that has no lists
             apt.RELEASE, root, "-"],
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
