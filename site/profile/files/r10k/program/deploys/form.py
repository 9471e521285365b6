"""What can be told of an environment by its files alone, without Puppet."""

import subprocess
from pathlib import Path


def problems(environment: Path) -> list[str]:
    """Return what is wrong with the form of an environment, a sentence each."""
    return [*_links_that_leave(environment), *_missing_submodules(environment)]


def _links_that_leave(environment: Path) -> list[str]:
    inside = environment.resolve()
    found = []
    for path in sorted(environment.rglob("*")):
        if not path.is_symlink() or ".git" in path.relative_to(environment).parts:
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


def _missing_submodules(environment: Path) -> list[str]:
    listing = subprocess.run(
        ["git", "-C", str(environment), "ls-files", "--stage", "-z"], capture_output=True, text=True, check=False
    ).stdout
    entries = [entry.partition("\t") for entry in listing.split("\0") if entry.startswith("160000 ")]
    return [
        f"{path}: is a git submodule, which r10k does not fetch for the control repository: name it in the Puppetfile"
        for _, _, path in entries
        if not (environment / path).is_dir() or not any((environment / path).iterdir())
    ]
