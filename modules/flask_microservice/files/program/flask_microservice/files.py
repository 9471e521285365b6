"""Files written, compared, copied and removed."""

import errno
import os
import shutil
from pathlib import Path


def write(path: Path, content: str | bytes, mode: int = 0o644, group: int = 0) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fchown(file.fileno(), 0, group)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = error.filename or str(path)  # the errors of a write name no file
        raise


def same(path: Path, text: str) -> bool:
    """Whether a file has this text; not if it is not there."""
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory by hard links; by copies where they can't be made."""
    for place, folders, files in os.walk(source, onerror=_fail):
        here = target / Path(place).relative_to(source)
        here.mkdir()
        shutil.copystat(place, here)
        for name in [*files, *(folder for folder in folders if Path(place, folder).is_symlink())]:
            path = Path(place, name)
            try:
                os.link(path, here / name, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                    raise
                shutil.copy2(path, here / name, follow_symlinks=False)


def remove_tree(path: Path) -> None:
    """Remove a directory, if it is there."""
    if path.exists():
        shutil.rmtree(path)


def _fail(error: OSError) -> None:
    # os.walk() passes over what it can't read, and the copy would lack it.
    raise error
