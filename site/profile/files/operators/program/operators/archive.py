"""Packages that somebody sends, as a tar archive: what is in it, and nothing but that, becomes files.

Read header by header, and not by tarfile's own walk: that takes headers of any length into memory, follows links, and
makes devices. Plain files of the format `ustar` are all that is needed.
"""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from operators import arguments as checked
from operators.errors import UsageError

DECLARED = "declared"
"""A member of that name has the packages that the sender's control repository declares, one a line."""

MOST_FILES = 100
LARGEST_FILE = 512 * 1024 * 1024
LARGEST_ARCHIVE = 2 * 1024 * 1024 * 1024
LARGEST_LIST = 64 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Sent:
    """What was sent.

    Attributes:
        files: the packages' files.
        declared: packages of services that are declared, and may not be deployed yet.
    """

    files: list[Path]
    declared: list[str]


def unpack(stream: BinaryIO, directory: Path) -> Sent:
    """Write the packages of an archive into an empty directory.

    Raises:
        UsageError: something else is in it, it is too big, or not whole.
    """
    files: list[Path] = []
    declared: list[str] | None = None
    total = 0
    for member in _members(stream):
        total += member.size
        if total > LARGEST_ARCHIVE:
            raise UsageError(f"the archive has more than {LARGEST_ARCHIVE} bytes")
        if member.name == DECLARED:
            if declared is not None:
                raise UsageError(f"{DECLARED!r} is twice in the archive")
            declared = _list(stream, member.size)
            continue
        file = directory / checked.PACKAGE_FILE.check(member.name)
        if file in files:
            raise UsageError(f"{member.name!r} is twice in the archive")
        if len(files) == MOST_FILES:
            raise UsageError(f"the archive has more than {MOST_FILES} packages")
        if member.size > LARGEST_FILE:
            raise UsageError(f"{member.name}: it has more than {LARGEST_FILE} bytes")
        _write(stream, file, member.size)
        files.append(file)
    if not files:
        raise UsageError("the archive has no package")
    return Sent(files, declared or [])


def _members(stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield the header of each member; whoever takes it has to read its content before the next."""
    while any(block := _read(stream, tarfile.BLOCKSIZE)):
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError:
            raise UsageError("this is no tar archive, or a damaged one") from None
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.name.endswith("/")
        if not plain or member.size < 0:
            raise UsageError(f"{checked.shown(member.name)} is no plain file; make the archive with --format=ustar")
        yield member
        _read(stream, -member.size % tarfile.BLOCKSIZE)
    while stream.read(_CHUNK):  # what fills the last record: whoever sends it is not cut off
        pass


def _list(stream: BinaryIO, size: int) -> list[str]:
    if size > LARGEST_LIST:
        raise UsageError(f"{DECLARED!r} has more than {LARGEST_LIST} bytes")
    return [checked.PACKAGE.check(line) for line in _read(stream, size).decode(errors="replace").splitlines()]


def _write(stream: BinaryIO, file: Path, size: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as target:
        while size:
            chunk = _read(stream, min(size, _CHUNK))
            target.write(chunk)
            size -= len(chunk)


def _read(stream: BinaryIO, size: int) -> bytes:
    """Return so many bytes; UsageError if there are fewer."""
    data = stream.read(size) if size else b""
    if len(data) != size:
        raise UsageError("the archive ends too early")
    return data
