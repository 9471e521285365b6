"""From a service's source to its Debian package, in a clean Debian 13 that is thrown away afterwards."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet_cli.machine import host, process, steps, temporary
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.roots import rootfs

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

_BUILD = """
set -eu
cd "/build/$1"
apt-get -q -y --no-install-recommends -o APT::Sandbox::User=root build-dep . >/dev/null
chown -R root: .
exec dpkg-buildpackage --build=binary --no-sign
"""


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


def build(source: Path, output: Path) -> list[Package]:
    """Build the packages of a source tree.

    Args:
        source: a directory with a debian/ folder.
        output: where the .deb files go; made when missing.

    Raises:
        FleetError: this is no source of a Debian package, nothing can be written to `output` (which is found before
            anything is built), or the build fails; the message has the end of its log.
    """
    source = source.resolve()
    name = _source_name(source)
    _require_writable(output)
    rootfs.ensure_layer("build")
    host.require_disk(output, gib=1)
    log: list[str] = []
    with steps.step(f"building {name}"), temporary.directory() as scratch:
        shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns(*NOT_SOURCE), symlinks=True)
        try:
            rootfs.run(
                "build",
                ["sh", "-c", _BUILD, "build", name],
                binds={scratch: "/build"},
                env={**host.pip_environment(), "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"},
                on_line=log.append,
            )
        except CommandFailedError as error:
            raise FleetError(f"{source}: the build ended with status {error.status}:\n{_why(log)}") from None
        built = sorted(scratch.glob("*.deb"))
        if not built:
            raise FleetError(f"{source}: the build made no .deb file; does debian/control have a Package?")
        try:
            output.mkdir(parents=True, exist_ok=True)
            return [describe(_deliver(deb, output)) for deb in built]
        except OSError as error:
            raise _unwritable(output, error) from None


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
