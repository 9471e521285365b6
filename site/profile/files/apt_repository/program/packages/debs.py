"""Package files: what they say they are, and whether that may be published."""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from packages import programs
from packages.errors import PublishError
from packages.given import Given

NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
"""Debian Policy, 5.6.7."""

VERSION = re.compile(r"([0-9]+:)?[0-9][A-Za-z0-9.+~]*(-[A-Za-z0-9.+~]+)*")
"""Flask_microservice::Version: what a service can declare."""

SOURCE = re.compile(rf"({NAME.pattern}( \([^()/]+\))?)?")
"""aptly makes a directory of it."""

_FIELDS = ("Package", "Version", "Architecture", "Source")
_FORMAT = "".join(f"${{{name}}}\\n" for name in _FIELDS)


@dataclass(frozen=True, order=True)
class Identity:
    """What makes a package the same package to apt."""

    name: str
    version: str
    architecture: str

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.name} {self.version} {self.architecture}"

    @property
    def file_name(self) -> str:
        """The name that its file is built with: without the epoch."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"

    @property
    def pool_name(self) -> str:
        """The name that its file is published with, as apt itself names what it has fetched.

        1.0-1 and 1:1.0-1 are two packages, whose files have one name unless the epoch is in it.
        """
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"

    @property
    def pool_name_with_epoch(self) -> str:
        """The same for a package without one, where another file has that name: having none is having 0."""
        return f"{self.name}_0%3a{self.version}_{self.architecture}.deb"


@dataclass(frozen=True)
class Deb:
    """A package file that was found to be in order.

    Attributes:
        path: where it was given.
        copy: a copy that nobody else writes to.
        identity: by its control file.
        sha256: of the copy, in hexadecimal.
    """

    path: Path
    copy: Path
    identity: Identity
    sha256: str


def take(given: Given, directory: Path) -> Deb:
    """Copy a file into a new directory, and check the copy; return what it is.

    aptly links files into the repository: a file that somebody writes to later would change what is published.

    Raises:
        PublishError: it is no whole Debian package, or one that can't be published under the name it has.
    """
    path, copy = given.path, directory / "package.deb"
    try:
        directory.mkdir()
        with copy.open("wb") as handle:
            shutil.copyfileobj(given.content, handle)
    except OSError as error:
        raise PublishError(f"{path}: can't be copied to {directory}: {error.strerror}") from error
    copy.chmod(0o644)
    identity = _identity(path, copy)
    named = unquote(path.name)
    if named not in (identity.file_name, unquote(identity.pool_name)):
        raise PublishError(
            f"{path}: by its control file it is {identity}; if you mean that one, name the file {identity.file_name}"
        )
    with copy.open("rb") as handle:
        return Deb(path, copy, identity, hashlib.file_digest(handle, "sha256").hexdigest())


def _identity(path: Path, copy: Path) -> Identity:
    try:
        fields = programs.run(["dpkg-deb", "--show", f"--showformat={_FORMAT}", str(copy)]).splitlines()
        control = programs.run(["dpkg-deb", "--info", str(copy), "control"])
        # Reads the archive to its end: a package that was cut off has a readable header as well.
        programs.run(["dpkg-deb", "--contents", str(copy)])
    except PublishError as error:
        said = str(error).replace(str(copy), str(path))
        raise PublishError(f"{path}: not a Debian package, or a damaged one ({said})") from error
    rules = dict(zip(_FIELDS, (NAME, VERSION, NAME, SOURCE), strict=True))
    if len(fields) != len(rules):
        raise PublishError(f"{path}: a damaged package: a field of its control file has more than one line")
    for (field, rule), value in zip(rules.items(), fields, strict=True):
        if not rule.fullmatch(value):
            hint = " that a service can declare (Flask_microservice::Version)" if rule is VERSION else ""
            raise PublishError(f"{path}: its control file has {field}: {value!r}, which is none{hint}")
    identity = Identity(*fields[:3])
    if not re.search(rf"^Version:[ \t]*{re.escape(identity.version)}[ \t]*$", control, re.MULTILINE | re.IGNORECASE):
        # apt goes by the one, dpkg by the other. An epoch of 0 is such a case.
        raise PublishError(f"{path}: write its version as dpkg does, or no machine has it: {identity.version}")
    return identity
