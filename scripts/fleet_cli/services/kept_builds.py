"""Packages of earlier builds, each kept by the digest of all that went into it.

The same inputs give the same bytes, which a test makes sure of, and their tests have passed: there is nothing to gain
by a second build. What counts as an input errs on the side of building again: fleet's own code, all that is installed
where packages are built, with its versions, the libraries' bytes and the whole source, with permissions.
"""

import hashlib
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_cli.machine import paths
from fleet_cli.machine.cache import Directories, digest
from fleet_cli.sandbox import images

CACHE = Directories(paths.CACHE / "services/packages", limit=20)
FLEET = Path(__file__).resolve().parents[1]
"""The code that builds."""
_SUMS = "sha256.json"


def inputs(source: Path, given: Path | None) -> str:
    """Return the digest of all that goes into a build.

    Args:
        source: the tree, without what is no part of it.
        given: the directory of its libraries; None if it has no lock.
    """
    installed = images.ensure("build")[0] / "var/lib/dpkg/status"
    return digest(
        images.made_from("build"),
        _file(installed),
        *(f"{path.relative_to(FLEET)} {_file(path)}" for path in sorted(FLEET.rglob("*.py"))),
        "source",
        *_tree(source),
        "libraries",
        *(_tree(given) if given else ()),
    )


def _tree(top: Path) -> Iterator[str]:
    """Each entry below a directory: its name, its kind with its permissions, and what it holds."""
    for path in sorted(top.rglob("*")):
        mode = path.lstat().st_mode
        holds = str(path.readlink()) if stat.S_ISLNK(mode) else _file(path) if stat.S_ISREG(mode) else ""
        yield f"{path.relative_to(top)}\0{mode:o}\0{holds}"


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def kept(recipe: str, build: Callable[[Path], None]) -> Iterator[list[Path]]:
    """The .deb files of a build, made unless they are there whole; nobody removes them until the block is left.

    Args:
        recipe: the digest of the build's inputs.
        build: given an empty directory, puts the files in.
    """
    name = recipe[:20]

    def fill(new: Path) -> None:
        build(new)
        sums = {deb.name: _file(deb) for deb in new.glob("*.deb")}
        (new / _SUMS).write_text(json.dumps(sums), encoding="utf-8")

    with CACHE.made(name, recipe, fill) as directory:
        whole = _is_whole(directory)
        if whole:
            yield sorted(directory.glob("*.deb"))
    if not whole:
        CACHE.forget(name)
        with CACHE.made(name, recipe, fill) as directory:
            yield sorted(directory.glob("*.deb"))


def forget(recipe: str) -> None:
    """Remove what was kept of such a build."""
    CACHE.forget(recipe[:20])


def _is_whole(directory: Path) -> bool:
    """Whether the files are those that were built: a disk may have lost some of them."""
    try:
        sums = json.loads((directory / _SUMS).read_text(encoding="utf-8"))
        return bool(sums) and all(_file(directory / name) == said for name, said in sums.items())
    except (OSError, ValueError, AttributeError):
        return False
