"""What machines can install now: the index that is signed, and no other that is beside it.

aptly replaces the files of an index one by one, in any order, and may be killed meanwhile. Machines fetch the signed
file first, and then the others by their digests.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packages.debs import Identity
from packages.errors import PublishError
from packages.repository import Repository


@dataclass(frozen=True)
class Published:
    """A package in the index.

    Attributes:
        sha256: of its file, in hexadecimal.
        file: where that is, below what machines fetch from.
    """

    sha256: str
    file: str


@dataclass(frozen=True)
class Index:
    """An index.

    Attributes:
        packages: all that it has.
        architectures: those of the machines, without `all`.
        whole: whether all of its files are there as they were signed.
    """

    packages: Mapping[Identity, Published]
    architectures: frozenset[str]
    whole: bool


def read(repository: Repository) -> Index | None:
    """Return the index; None if it is damaged, so that nobody can say what was published.

    Raises:
        PublishError: nothing was ever published.
    """
    directory = repository.index
    if not directory.is_dir():
        raise PublishError(f"{directory}: there is no published repository: Puppet makes it; run puppet agent")
    try:
        release = next(_paragraphs((directory / "InRelease").read_text(encoding="utf-8").partition("\n\n")[2]))
        digests = {name: digest for digest, _, name in (line.split() for line in release["SHA256"].splitlines())}
        architectures = frozenset(release["Architectures"].split())
    except (OSError, StopIteration, KeyError, ValueError):
        return None
    packages: dict[Identity, Published] = {}
    for architecture in sorted(architectures):
        name = f"{repository.component}/binary-{architecture}/Packages"
        text = _signed(directory, name, digests.get(name, ""))
        if text is None:
            return None
        packages |= _packages(text.decode("utf-8", errors="replace"))
    whole = all(
        _digest(place) == digest
        for name, digest in digests.items()
        for place in (directory / name, _by_hash(directory, name, digest))
    )
    return Index(packages, architectures, whole)


def _signed(directory: Path, name: str, digest: str) -> bytes | None:
    """A file of the index, as it was signed; None if it is not there."""
    for place in (_by_hash(directory, name, digest), directory / name):
        if digest and _digest(place) == digest:
            return place.read_bytes()
    return None


def _by_hash(directory: Path, name: str, digest: str) -> Path:
    return (directory / name).parent / "by-hash" / "SHA256" / digest


def _digest(place: Path) -> str:
    try:
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return ""


def _packages(text: str) -> dict[Identity, Published]:
    return {
        Identity(fields["Package"], fields["Version"], fields["Architecture"]): Published(
            fields["SHA256"], fields["Filename"]
        )
        for fields in _paragraphs(text)
    }


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a control file: fields by name; a field of more lines has a line end between them."""
    for paragraph in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line[:1].isspace():
                fields[name] = f"{fields[name]}\n{line.strip()}".lstrip("\n") if name else ""
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            yield fields
