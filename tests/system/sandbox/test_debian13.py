"""Debian 13 as the machine of a developer: another Python, util-linux, bubblewrap and mmdebstrap than Debian 12 has."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fleet_cli.machine import host, paths, temporary
from fleet_cli.roots import rootfs

REPO = paths.control_repo()
# A chroot would not do: in one, nobody gets a user namespace.
ENTER = r"""
set -eu
root=$1 lower=$2 upper=$3 work=$4 home=$5; shift 5
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$home" "$root/home"
rm -f "$root/etc/resolv.conf"; cp -L /etc/resolv.conf "$root/etc/resolv.conf"
ip link set lo up 2>/dev/null || true
mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l /old
exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
DEVELOP = r"""
set -eu
useradd --create-home developer
cp -R /home/given /home/developer/control
chown -R developer: /home/developer
cd /home/developer/control
exec runuser --user developer -- env HOME=/home/developer LANG=C.UTF-8 "$@"
"""


@pytest.mark.drill
def test_debian_13(tmp_path: Path) -> None:
    """A developer there validates without root."""
    clone = tmp_path / "given"
    subprocess.run(["git", "clone", "--quiet", "--no-local", REPO, clone], check=True)
    for name in ("scripts", "requirements.txt"):  # what is not committed yet is tried as well
        if (REPO / name).is_dir():
            shutil.copytree(REPO / name, clone / name, dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copy(REPO / name, clone / name)
    lower = f"{rootfs.ensure_layer('developer')}:{paths.BASE}"
    pip = [f"{name}={value}" for name, value in host.pip_environment().items()]
    with temporary.directory() as directory:
        for part in ("root", "upper", "work", "home"):
            (directory / part).mkdir()
        directory.chmod(0o755)
        shutil.copytree(clone, directory / "home/given", symlinks=True)
        places = [str(directory / "root"), lower, *(str(directory / part) for part in ("upper", "work", "home"))]
        result = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER,
             "enter", *places, "sh", "-c", DEVELOP, "develop", *pip, "scripts/fleet", "validate"],
            capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "nothing is wrong" in result.stderr
