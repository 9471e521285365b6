"""The names of Debian's own packages, as apt on this machine knows them."""

import mmap
from collections.abc import Collection
from pathlib import Path

from packages import programs

_HELPER = "/usr/lib/apt/apt-helper"


def taken(names: Collection[str]) -> set[str] | None:
    """Return those of the names that packages of Debian have; None if apt has no index of Debian's packages here.

    Raises:
        PublishError: apt can't be asked.
    """
    listing = programs.run(["apt-get", "indextargets", "--format", "$(ORIGIN)\t$(FILENAME)", "Created-By: Packages"])
    rows = (row.partition("\t") for row in listing.splitlines())
    # Debian, and Debian Backports
    files = [Path(file) for origin, _, file in rows if origin.startswith("Debian") and _is_there(Path(file))]
    if not files:
        return None
    return {name for file in files for name in _found(file, names)}


def _is_there(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _found(file: Path, names: Collection[str]) -> set[str]:
    if not file.name.endswith("_Packages"):  # apt was told to keep it compressed
        text = programs.run([_HELPER, "cat-file", str(file)]).encode()
        return _among(text, names)
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _among(mapped, names)


def _among(text: bytes | mmap.mmap, names: Collection[str]) -> set[str]:
    lines = {name: f"Package: {name}\n".encode() for name in names}
    return {name for name, line in lines.items() if text[: len(line)] == line or text.find(b"\n" + line) >= 0}
