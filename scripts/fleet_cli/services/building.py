"""From a service's source to its Debian package, in a clean Debian 13 that is thrown away afterwards."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet_cli.machine import host, process, steps, temporary
from fleet_cli.machine.errors import CommandFailedError, FleetError, LimitError
from fleet_cli.sandbox import archives, entering, images, running
from fleet_cli.sandbox.limits import Limits
from fleet_cli.services import kept_builds, libraries

NOT_SOURCE = (
    ".git",
    ".tox",
    ".venv",
    "dist",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "*.egg-info",
)
UNREACHABLE = re.compile(r"^E: Failed to fetch |NewConnectionError|NameResolutionError", re.MULTILINE)
"""What apt and pip say when they do not reach their servers."""
UNREACHABLE_HINT = "\nsomething could not be fetched: check the network, the apt sources and the pip configuration"

_LACKS_PACKAGES = 90
_BUILD = """
set -eu
exec 3>&1 1>&2
mkdir /build
cp -a --no-preserve=ownership /given/source "/build/$1"
cd "/build/$1"
if [ -d /given/packages ]; then
  dpkg --install /given/packages/*.deb >/dev/null
elif ! dpkg-checkbuilddeps; then
  exit 90
fi
chown -R builder: /build
shift
# The parts of dpkg-buildpackage that make a package; it would go on to list what an upload to Debian needs.
"$@" dpkg-source --before-build .
"$@" dpkg-buildpackage --rules-target=clean,binary
cd /build
exec "$@" tar --create ./*.deb >&3
"""
"""Root inside installs what debian/control names, and then the user `builder` builds: $2 and on turn into that one."""
_FETCH_PACKAGES = """
set -eu
mkdir /tmp/source
cp -R /given/debian /tmp/source/debian
cd /tmp/source
packages=$(apt-get -q -s --no-install-recommends build-dep . | sed -n 's/^Inst \\([^ ]*\\) .*/\\1/p')
apt-get -q -y --no-install-recommends -o APT::Sandbox::User=root --download-only install $packages >&2
exec tar --create --directory=/var/cache/apt/archives --exclude=partial --exclude=lock .
"""
_LIMITS = Limits(memory=8 * 2**30, processes=2048, seconds=3600.0)


@dataclass(frozen=True)
class Package:
    """A Debian package file.

    Attributes:
        size: bytes.
        sha256: of the whole file, in hexadecimal.
    """

    path: Path
    name: str
    version: str
    architecture: str
    size: int
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """The package as JSON has it."""
        return {**asdict(self), "path": str(self.path)}


def build(source: Path, output: Path, *, again: bool = False) -> list[Package]:
    """Build the packages of a source tree, unless they are there from a build with the same inputs.

    Args:
        source: a directory with a debian/ folder.
        output: where the .deb files go; made when missing.
        again: whether to build in any case.

    Raises:
        FleetError: this is no source of a Debian package, nothing can be written to `output` (which is found before
            anything is built), or the build fails; the message has the end of its log.
    """
    source = source.resolve()
    name = _source_name(source)
    _require_writable(output)
    images.ensure("build")
    host.require_disk(output, gib=1)
    with steps.step(f"building {name}"), temporary.directory() as scratch, ExitStack() as held:
        copy = scratch / "source"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*NOT_SOURCE), symlinks=True)
        reads = {copy: "/given/source"}
        given = None
        if (copy / "requirements.txt").is_file():
            given = held.enter_context(libraries.fetched(copy / "requirements.txt"))
            reads[given] = "/given/libraries"
        recipe = kept_builds.inputs(copy, given)
        if again:
            kept_builds.forget(recipe)
        built: list[Path] = []

        def make(new: Path) -> None:
            _make(source, name, reads, scratch)
            archives.unpack(scratch / "built.tar", new)
            built.extend(new.glob("*.deb"))
            if not built:
                raise FleetError(f"{source}: the build made no .deb file; does debian/control have a Package?")

        packages = held.enter_context(kept_builds.kept(recipe, make))
        if not built:
            steps.say(f"{name}: nothing has changed since it was built and tested; --again builds it all the same")
        try:
            output.mkdir(parents=True, exist_ok=True)
            delivered = [describe(_deliver(deb, output)) for deb in packages]
        except OSError as error:
            raise _unwritable(output, error) from None
        fetched = (scratch / "packages.tar").exists()
    if fetched:  # Debian may have newer versions of them the next time, which only it can tell.
        kept_builds.forget(recipe)
    return delivered


def _make(source: Path, name: str, reads: dict[Path, str], scratch: Path) -> None:
    """Build; the archive of what was built is built.tar."""
    log: list[str] = []
    try:
        _run(name, reads, scratch, log.append)
    except CommandFailedError as error:
        reached = _LIMITS.reached("\n".join(log), error.status)
        why = f"{_why(log)}\n{reached}" if reached else _why(log)
        raise FleetError(f"{source}: the build ended with status {error.status}:\n{why}") from None
    except LimitError as error:
        raise FleetError(f"{source}: the build: {error}:\n{_why(log)}") from None


def _run(name: str, reads: dict[Path, str], scratch: Path, log: Callable[[str], None]) -> None:
    """Build in a sandbox without a network; the archive of what was built is built.tar."""
    argv = ["sh", "-c", _BUILD, "build", name, *entering.AS_BUILDER]
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/given/libraries"}

    def attempt() -> None:
        running.run(
            "build", argv, reads=reads, env=env, on_line=log, archive=scratch / "built.tar", root=True, limited=_LIMITS
        )

    try:
        attempt()
    except CommandFailedError as error:
        if error.status != _LACKS_PACKAGES:
            raise
        debs = scratch / "packages"
        debs.mkdir()
        control = {scratch / "source/debian": "/given/debian"}
        fetch, archive = ["sh", "-c", _FETCH_PACKAGES], scratch / "packages.tar"
        running.run("build", fetch, reads=control, on_line=log, archive=archive, root=True, network=True)
        archives.unpack(archive, debs)
        reads[debs] = "/given/packages"
        attempt()


def _require_writable(output: Path) -> None:
    """Refuse a directory that can't be made or written to; make nothing, for the build may fail.

    Raises:
        FleetError: nothing can be written where `output` is or will be.
    """
    existing = next(path for path in (output, *output.absolute().parents) if os.path.lexists(path))
    try:
        with suppress(FileNotFoundError):
            output.lstat()  # Says what is wrong with the name itself.
        # Permissions alone don't tell: root has them all, and a file system may be read-only.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise _unwritable(output, error) from None


def _unwritable(output: Path, error: OSError) -> FleetError:
    return FleetError(f"{output}: no package can be written there: {error.strerror}; choose another --output")


def _why(log: Sequence[str]) -> str:
    """The end of a build's log; and what its own programs say is wrong, with file and line, or else a hint, last."""
    said = [line.removeprefix("error: ") for line in log if line.startswith("error: ")][-1:]
    hint = UNREACHABLE_HINT if UNREACHABLE.search("\n".join(log)) else ""
    return "\n".join([*log[-40:], *said]) + hint


def _deliver(deb: Path, output: Path) -> Path:
    """Put a finished file in its place at once: who looks there never sees half of it."""
    partial = output / f".{deb.name}.partial"
    shutil.copy(deb, partial)
    return partial.rename(output / deb.name)


def describe(deb: Path) -> Package:
    """Read a package's name, version and architecture.

    Raises:
        FleetError: there is no such file, or it is no Debian package.
    """
    if not deb.is_file():
        raise FleetError(f"{deb}: there is no such file")
    host.ensure_packages(("dpkg",))
    try:
        fields = process.run(["dpkg-deb", "--show", "--showformat=${Package}\n${Version}\n${Architecture}", deb]).stdout
    except CommandFailedError as error:
        raise FleetError(f"{deb}: not a Debian package: {error.output.strip()}") from None
    name, version, architecture = fields.split("\n")
    content = deb.read_bytes()
    return Package(deb.resolve(), name, version, architecture, len(content), hashlib.sha256(content).hexdigest())


def _source_name(source: Path) -> str:
    changelog = source / "debian/changelog"
    if not (source / "debian/control").is_file() or not changelog.is_file():
        raise FleetError(
            f"{source}: no debian/control and debian/changelog there: is it a service made from the template?"
        )
    name = changelog.read_text(encoding="utf-8").partition(" ")[0]
    if not name or not name.isascii():
        raise FleetError(f"{changelog}: its first line must be `NAME (VERSION) SUITE; urgency=…`")
    return name
