"""What the modules of a commit have to be: the file of the control repository that has a digest of each one's files.

    {"puppetlabs-stdlib": {"directory": "vendor/stdlib", "version": "9.4.1", "sha256": [DIGEST, …]}, …}

`fleet lock` writes it. A release has a digest for each place that it is fetched from with other files.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploys.errors import DeployError

NAME = "Puppetfile.digests.json"
LONGEST = 16 * 1024 * 1024
"""No such file is longer, in bytes."""

DIRECTORY = re.compile(r"(?!\.{1,2}(?:/|$))[^/\0]+(?:/(?!\.{1,2}(?:/|$))[^/\0]+)*")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Locked:
    """A module as it has to be.

    Attributes:
        name: as the Puppetfile has it.
        directory: where it is, below the environment.
        digests: those that its files may have, as of_directory gives them.
    """

    name: str
    directory: str
    digests: frozenset[str]


def read(environment: Path) -> list[Locked] | None:
    """Read the file of an environment, or of one that is being made; None if it has none.

    Raises:
        DeployError: it does not say what it should.
    """
    path = environment / NAME
    if not path.is_file():
        return None
    try:
        text = path.read_bytes()[:LONGEST]
        return [_locked(str(name), entry) for name, entry in json.loads(text).items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeployError(
            f"{NAME} can't be read ({error}): make it anew by `fleet lock`; nothing has changed"
        ) from None


def _locked(name: str, entry: Mapping[str, object]) -> Locked:
    directory, digests = str(entry["directory"]), entry["sha256"]
    if not DIRECTORY.fullmatch(directory) or not isinstance(digests, list) or not digests:
        raise ValueError(f"the entry of {name!r} names no directory, or no digest")
    if not all(isinstance(digest, str) and SHA256.fullmatch(digest) for digest in digests):
        raise ValueError(f"the entry of {name!r} has a digest that is none")
    return Locked(name, directory, frozenset(digests))


def require(environment: Path, locked: Iterable[Locked], what: str) -> None:
    """Require that modules are as they are locked.

    Args:
        environment: where they are.
        locked: how they have to be.
        what: how a person calls it.

    Raises:
        DeployError: one has other files, or is not there.
    """
    for module in locked:
        directory = environment / module.directory
        if not directory.is_dir() or directory.resolve() != environment.resolve() / module.directory:
            raise DeployError(
                f"{what}: {NAME} has {module.name} in {module.directory}, where r10k has put nothing;"
                " nothing has changed"
            )
        there = of_directory(directory)
        if there not in module.digests:
            raise DeployError(
                f"{what}: module {module.name} is not the one that {NAME} has: expected SHA-256"
                f" {' or '.join(sorted(module.digests))}, found {there}; nothing has changed"
            )


def of_directory(directory: Path) -> str:
    """Return the digest of all files and symlinks below a directory.

    It is the SHA-256 of a record for each, in the order of their paths as bytes: `x` for a file that can be run, `-`
    for another one, or `l` for a symlink; a space; the SHA-256 of its content, or of what it names; a space; its path;
    a NUL. Directories count by what is in them. Whatever is called .git does not count.

    Raises:
        OSError: something can't be read.
    """
    digest = hashlib.sha256()
    for path, kind, content in sorted(_entries(os.fsencode(directory), b"")):
        digest.update(b"%s %s %s\0" % (kind, content.encode(), path))
    return digest.hexdigest()


def _entries(directory: bytes, below: bytes) -> Iterator[tuple[bytes, bytes, str]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            path = below + entry.name
            if entry.name == b".git":
                continue
            if entry.is_symlink():
                yield path, b"l", hashlib.sha256(os.readlink(entry.path)).hexdigest()  # noqa: PTH115 - bytes
            elif entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path, path + b"/")
            else:
                runs = entry.stat(follow_symlinks=False).st_mode & stat.S_IXUSR
                with open(entry.path, "rb") as file:  # noqa: PTH123 - its name may be no text
                    yield path, b"x" if runs else b"-", hashlib.file_digest(file, "sha256").hexdigest()
