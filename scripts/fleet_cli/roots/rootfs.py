"""Commands in Debian 13 root file systems: throw-away overlays on the base, or on a layer of it.

A layer is what an apt-get install added to the base, kept as the upper directory of an overlay. `run` works in an
overlay on top, in namespaces of its own: nothing that a command does is kept, unless it is asked to.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

from fleet_cli.machine import cache, paths, process, steps, temporary
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import CommandFailedError
from fleet_cli.roots import base
from fleet_cli.sandbox.packages import LAYER_PACKAGES

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


def ensure_layer(name: str) -> Path:
    """Make a layer of the base unless it is there; return its directory."""
    packages = LAYER_PACKAGES[name]
    recipe = cache.digest(cache.recipe_of(base.ensure()), *packages)

    def fill(upper: Path) -> None:
        with steps.step(f"layer {name}: {' '.join(packages)}"):
            _install(upper, packages)

    with Directories(paths.LAYERS).made(name, recipe, fill) as directory:
        return directory


def _install(upper: Path, packages: Sequence[str]) -> None:
    options = ("-q", "-y", "-o", "Dpkg::Options::=--force-unsafe-io", "--no-install-recommends")
    run("", ["apt-get", *options, "install", *packages], upper=upper)
    shutil.rmtree(upper / "var/cache/apt", ignore_errors=True)


def run(
    layer: str,
    argv: Sequence[str],
    *,
    binds: Mapping[Path, str] | None = None,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    upper: Path | None = None,
) -> process.Result:
    """Run a command in a copy of a layer, with this machine's network.

    Args:
        layer: a key of LAYER_PACKAGES, or "" for the bare base.
        argv: the command, as found inside.
        binds: directories or files of this machine, and where they appear inside (writable).
        stdin, env, check, on_line: as in process.run.
        upper: an empty directory that gets and keeps what the command changes; without it nothing is kept.

    Raises:
        CommandFailedError: `check` is set and the status is not 0.
    """
    with _entered(layer, argv, binds, env, upper) as command:
        result = process.run(command, stdin=stdin, check=False, on_line=on_line)
    if check and result.returncode != 0:
        raise CommandFailedError(list(argv), result.returncode, result.stderr or result.stdout)
    return result


@contextmanager
def started(
    layer: str, argv: Sequence[str], *, stderr: IO[str], binds: Mapping[Path, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command in a copy of a layer that goes on beside fleet until the block is left; see process.started."""
    with _entered(layer, argv, binds, None, None) as command, process.started(command, stderr=stderr) as child:
        yield child


@contextmanager
def _entered(
    layer: str,
    argv: Sequence[str],
    binds: Mapping[Path, str] | None,
    env: Mapping[str, str] | None,
    upper: Path | None,
) -> Iterator[list[str]]:
    """The command line that runs a command inside; what that needs is there until the block is left."""
    lower = f"{ensure_layer(layer)}:{paths.BASE}" if layer else str(base.ensure())
    mounts = [str(item) for pair in (binds or {}).items() for item in pair]
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
             "DEBIAN_FRONTEND": "noninteractive", **(env or {})}  # fmt: skip
    inside = ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in clean.items()), *argv]
    temporary.remove_abandoned()
    with temporary.directory() as directory, nullcontext(upper) if upper else temporary.directory() as changes:
        for part in ("root", "work"):
            (directory / part).mkdir()
        yield [
            "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER,
            "enter", str(directory / "root"), lower, str(changes), str(directory / "work"), *mounts, "--", *inside,
        ]  # fmt: skip
