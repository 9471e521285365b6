"""The names that Debian's own packages have or provide, as apt on this machine knows them."""

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path

from packages import programs

_HELPER = "/usr/lib/apt/apt-helper"


def taken(names: Collection[str]) -> dict[str, str] | None:
    """Return those of the names that packages of Debian have or provide, each with what says so.

    None if apt has no index of Debian's packages here.

    Raises:
        PublishError: apt can't be asked.
    """
    listing = programs.run(["apt-get", "indextargets", "--format", "$(ORIGIN)\t$(FILENAME)", "Created-By: Packages"])
    rows = (row.partition("\t") for row in listing.splitlines())
    # Debian, and Debian Backports
    files = [Path(file) for origin, _, file in rows if origin.startswith("Debian") and _is_there(Path(file))]
    if not files:
        return None
    return {name: what for file in files for name, what in _found(file, names).items()}


def _is_there(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _found(file: Path, names: Collection[str]) -> dict[str, str]:
    if not file.name.endswith("_Packages"):  # apt was told to keep it compressed
        text = programs.run([_HELPER, "cat-file", str(file)]).encode()
        return _among(text, names)
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _among(mapped, names)


def _among(text: bytes | mmap.mmap, names: Collection[str]) -> dict[str, str]:
    found = {name: f"Debian's package {package} provides {name}" for name, package in _provided(text, names)}
    for name in names:
        line = f"Package: {name}\n".encode()
        if text[: len(line)] == line or text.find(b"\n" + line) >= 0:
            found[name] = f"Debian has a package {name}"
    return found


def _provided(text: bytes | mmap.mmap, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each of the names that a package provides, and that package."""
    field, package = b"\nProvides: ", b"Package: "
    at = text.find(field)
    while at >= 0:
        end = text.find(b"\n", at + 1)
        provided = {each.split(maxsplit=1)[0].decode() for each in text[at + len(field) : end].split(b",")}
        for name in provided.intersection(names):
            start = text.rfind(package, 0, at) + len(package)
            yield name, text[start : text.find(b"\n", start)].decode()
        at = text.find(field, end)
