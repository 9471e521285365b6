"""The digests of the Puppetfile's modules, in a file of the control repository beside it.

A version says what a module is called, and the digest what is in it: a Forge, or who has taken it over, could give
something else under the same version. `fleet lock` writes the file, and the Puppet server refuses other modules
(site/profile/files/r10k/program/deploys/digests.py, which has the same of_directory).
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.machine.errors import FleetError

NAME = "Puppetfile.digests.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Locked:
    """What the file says of a module.

    Attributes:
        directory: where r10k puts it, below the control repository.
        version: as the Puppetfile says it: a version, a commit, a tag.
        digests: those that its files may have. There are several where places that it is fetched from differ, as a
            Forge and Debian's packages do.
    """

    directory: str
    version: str
    digests: tuple[str, ...]


def load(repo: Path) -> dict[str, Locked] | None:
    """Read the file of a control repository; None if it has none.

    Raises:
        FleetError: it does not say what it should.
    """
    try:
        text = (repo / NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(f"{NAME}: {error}") from None
    try:
        entries: dict[str, Any] = json.loads(text)
        return {name: _locked(entry) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FleetError(f"{NAME}: is not as `fleet lock` writes it ({error})") from None


def _locked(entry: Mapping[str, Any]) -> Locked:
    digests = entry["sha256"]
    if not isinstance(digests, list) or not digests or not all(_SHA256.fullmatch(digest) for digest in digests):
        raise ValueError(f"{entry['directory']}: sha256 has to be a list of digests")
    return Locked(str(entry["directory"]), str(entry["version"]), tuple(digests))


def write(repo: Path, modules: Mapping[str, Locked]) -> None:
    """Write the file."""
    entries = {
        name: {"directory": module.directory, "version": module.version, "sha256": list(module.digests)}
        for name, module in sorted(modules.items())
    }
    (repo / NAME).write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


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
                content = hashlib.sha256(Path(os.fsdecode(entry.path)).read_bytes()).hexdigest()
                yield path, b"x" if runs else b"-", content
