"""The root file systems of sandboxes: a small Debian 13, and layers of Debian's packages on it.

They belong to ids that are nobody's on this machine, below the state of whoever made them; so does all that is done to
them here, in a user namespace, with no more rights than a user has.
"""

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fleet_cli.machine import apt, host, paths, steps, temporary
from fleet_cli.machine.cache import Directories, digest, recipe_of
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.sandbox import ability, entering
from fleet_cli.sandbox.enter import BUILDER, FIRST_ID
from fleet_cli.sandbox.limits import Limits
from fleet_cli.sandbox.packages import LAYER_PACKAGES

PACKAGES = ("ca-certificates", "netbase", "procps", "puppet-agent", "python3")
"""What every sandbox has, beside Debian's minbase."""
DIRECTORY = paths.STATE / "sandbox"
FREE_GIB = 3
"""What the base and the layers take at most, in GiB."""
_LIMITS = Limits(memory=8 * 2**30, processes=4096, seconds=3600.0)
_making = threading.Lock()


def ensure(layer: str) -> list[Path]:
    """Make the base and a layer unless they are there; return their directories as an overlay takes them.

    Raises:
        FleetError: this machine can't have sandboxes, or Debian's repositories can't be reached, or the disk is full.
    """
    return [*([_layer(layer)] if layer else []), _base()]


def made_from(layer: str) -> str:
    """Return the recipe of a layer that is there, the empty string for none."""
    return recipe_of(DIRECTORY / layer)


@cache
def _base() -> Path:
    recipe = digest(apt.RELEASE, *PACKAGES, apt.sources(), apt.settings(), str(BUILDER))
    return _made("base", recipe, f"sandbox: Debian 13 with {', '.join(PACKAGES)}", _bootstrap)


@cache
def _layer(name: str) -> Path:
    _base()
    packages = LAYER_PACKAGES[name]
    recipe = digest(recipe_of(DIRECTORY / "base"), *packages)
    return _made(name, recipe, f"sandbox: layer {name}: {' '.join(packages)}", lambda new: _install(new, packages))


class _Images(Directories):
    """Directories whose files belong to ids that a user can't touch outside: made and removed as their owner."""

    def make(self, path: Path, fill: Callable[[Path], None]) -> None:
        """Fill a directory beside its place: what a killed call has left there, only its owner can remove."""
        new = path.with_name(f"{path.name}.new")
        _remove(new)
        for directory in (new, new / "upper", new / "work"):
            directory.mkdir()
            if os.geteuid() == 0:
                os.chown(directory, FIRST_ID, FIRST_ID)
        fill(new)
        new.rename(path)

    def remove(self, path: Path) -> None:
        """Remove a directory, and first of all what says that it is whole."""
        path.with_name(f"{path.name}.json").unlink(missing_ok=True)
        _remove(path)


def _made(name: str, recipe: str, what: str, fill: Callable[[Path], None]) -> Path:
    def make(new: Path) -> None:
        host.require_disk(DIRECTORY, FREE_GIB)
        with steps.step(what), steps.heartbeat():
            fill(new)

    directory = DIRECTORY / name
    if recipe_of(directory) != recipe:
        _require_ability()
    # Nothing replaces it while this runs but a fleet of another version, or for another mirror of Debian.
    with _making, _Images(DIRECTORY).made(name, recipe, make):
        return directory / "upper"


@cache
def _require_ability() -> None:
    """Try what a sandbox needs before anything is made: programs, ids, a local disk, and what the kernel allows."""
    if os.geteuid() == 0:
        host.ensure_packages(tuple(sorted(set(ability.PROGRAMS.values()))))
    ability.require_programs()
    DIRECTORY.mkdir(parents=True, exist_ok=True, mode=0o700)
    ability.require_local(DIRECTORY)
    with temporary.directory() as scratch:
        (scratch / "lower").mkdir(mode=0o755)
        what = {"argv": ["true"], "env": entering.ENVIRONMENT}
        entering.run(what, Limits(seconds=20.0), lower=[scratch / "lower"])


def _bootstrap(new: Path) -> None:
    sources = new.with_name("base.sources")
    sources.write_text(apt.sources(), encoding="utf-8")
    command = [
        "mmdebstrap", "--mode=unshare", "--variant=minbase", "--format=directory", "--quiet",
        f"--include={','.join(PACKAGES)}",
        "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
        *(f"--aptopt={line}" for line in apt.settings().splitlines()),
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=force-unsafe-io", "--skip=cleanup/apt/lists",
        f"--customize-hook=chroot \"$1\" useradd --uid {BUILDER} --home-dir /tmp --no-create-home builder",
        apt.RELEASE, "/mnt/changes/upper", "/mnt/in/0",
    ]  # fmt: skip
    try:
        _work(command, new, [sources])
    except CommandFailedError as error:
        raise FleetError(
            f"{error}\nthe root file system could not be made: are Debian's repositories reachable, and is the disk"
            " not full?"
        ) from None
    finally:
        sources.unlink()
    # So that pip and apt inside trust whom this machine trusts.
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        _work(["cp", "/mnt/in/0", f"/mnt/changes/upper{certificates}"], new, [certificates])


def _install(new: Path, packages: tuple[str, ...]) -> None:
    options = ("-q", "-y", "-o", "Dpkg::Options::=--force-unsafe-io", "-o", "APT::Sandbox::User=root")
    script = 'apt-get "$@"; rm -f /var/cache/apt/*.bin /var/cache/apt/archives/*.deb'
    argv = ["sh", "-ec", script, "sh", *options, "--no-install-recommends", "install", *packages]
    what = entering.inside(argv, {}, {}, root=True, network=True)
    try:
        entering.run(what, _LIMITS, lower=[_base()], changes=new)
    except CommandFailedError as error:
        raise FleetError(f"{error}\nare Debian's repositories reachable, and is the disk not full?") from None


def _work(argv: list[str], directory: Path, reads: list[Path]) -> None:
    """Run a command of this machine on a root file system, in a user namespace, as the owner of its files."""
    what = {"argv": argv, "env": entering.ENVIRONMENT, "in": [str(path) for path in reads]}
    entering.run(what, _LIMITS, changes=directory)


def _remove(directory: Path) -> None:
    """Remove what is there of an image; its files are those of ids that a user can't touch outside."""
    if directory.exists():
        _work(["find", "/mnt/changes", "-mindepth", "1", "-delete"], directory, [])
        directory.rmdir()
