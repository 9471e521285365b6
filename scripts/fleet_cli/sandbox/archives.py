"""What comes out of a sandbox: a tar archive, which foreign code may have written to."""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable

FILES = 100_000
SIZE = 2 * 2**30


def unpack(archive: Path, directory: Path) -> None:
    """Unpack files, directories and links that stay within, below a directory; all become this user's own.

    Raises:
        FleetError: it is no archive, or has something else in it, or more than FILES files or SIZE bytes.
    """
    links: list[tuple[Path, str]] = []
    number = size = 0
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                number, size = number + 1, size + member.size
                if number > FILES or size > SIZE:
                    raise FleetError(f"what came out of the sandbox is more than {FILES} files or {SIZE // 2**30} GiB")
                place = directory / _within(member.name, member.name)
                if member.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                elif member.issym():
                    _within(str(PurePosixPath(member.name).parent / member.linkname), member.name)
                    links.append((place, member.linkname))
                elif member.isreg():
                    _write(opened, member, place)
                else:
                    raise FleetError(f"what came out of the sandbox has {printable(member.name)}: no file or directory")
    except (tarfile.TarError, EOFError) as error:
        raise FleetError(f"what came out of the sandbox is no whole archive: {printable(str(error))}") from None
    # Last, so that nothing was written through one.
    for place, target in links:
        place.symlink_to(target)


def _within(path: str, name: str) -> PurePosixPath:
    """Return a path that stays within the archive."""
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == "/" or (part == ".." and not parts):
            raise FleetError(f"what came out of the sandbox has {printable(name)}, which leads out of it: refused")
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _write(opened: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o755 if member.mode & 0o100 else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    source = opened.extractfile(member)
    assert source is not None  # noqa: S101 - a regular file
    with source, os.fdopen(os.open(place, flags, mode), "wb") as target:
        shutil.copyfileobj(source, target)
