"""What can be told of an environment by its files alone, without Puppet."""

from collections.abc import Iterable
from pathlib import Path


def problems(environment: Path, submodules: Iterable[str]) -> list[str]:
    """Return what is wrong with the form of an environment, a sentence each.

    Args:
        environment: its directory, which nobody changes any more.
        submodules: the paths of the commit's submodules.
    """
    return [*_links_that_leave(environment), *_missing_submodules(environment, submodules)]


def _links_that_leave(environment: Path) -> list[str]:
    inside = environment.resolve()
    found = []
    for path in sorted(environment.rglob("*")):
        if not path.is_symlink():
            continue
        target = path.readlink()
        if target.is_absolute() or not _ends_inside(path, inside):
            found.append(
                f"{path.relative_to(environment)}: is a symlink to {target}, which is outside of the commit:"
                " put the file itself there"
            )
    return found


def _ends_inside(link: Path, inside: Path) -> bool:
    try:
        return link.resolve().is_relative_to(inside)
    except (OSError, RuntimeError):  # links that go round in a circle
        return False


def _missing_submodules(environment: Path, submodules: Iterable[str]) -> list[str]:
    return [
        f"{path}: is a git submodule, which r10k does not fetch for the control repository: name it in the Puppetfile"
        for path in submodules
        if not (environment / path).is_dir() or not any((environment / path).iterdir())
    ]
