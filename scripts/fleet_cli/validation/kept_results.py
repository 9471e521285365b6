"""Files that save time when they are there, and no more: each is whole or absent, and the oldest go."""

import contextlib
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any


def text(path: Path) -> str | None:
    """Return what is kept under a name; None if nothing is."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    # A file that is in use is not an old one.
    with contextlib.suppress(OSError):
        os.utime(path)
    return content


def put(path: Path, content: str, most: int) -> None:
    """Keep a text under a name, at most so many beside each other. That nothing can be kept is no failure."""
    _write(path, content.encode())
    with contextlib.suppress(OSError):
        files = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda file: file.stat().st_mtime)
        for old in files[:-most]:
            old.unlink()


def objects(path: Path) -> Any:
    """Return the objects that put_objects kept; None if there are none that can be read."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            return pickle.load(file)  # noqa: S301 - written by this user, for this user
    except Exception:  # whatever is wrong with it: it is made anew
        return None


def put_objects(path: Path, value: Any) -> None:
    """Keep objects under a name."""
    _write(path, pickle.dumps(value, protocol=5))


def _write(path: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).rename(path)
