#!/usr/bin/python3
"""Publish Debian packages in the fleet's apt repository.

    publish-package FILE.deb...

All of them or none: every file is checked before the first is added, and machines see the new index at once and signed.
Every version stays. A file that is published already is left alone; another file of the same name, version and
architecture is refused, because machines that have installed the first would never get it.
"""

import argparse
import configparser
import fcntl
import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIG = Path("/etc/publish-package.ini")
LOCK = Path("/run/lock/publish-package.lock")
IDENTITY_FORMAT = "${Package}\\n${Version}\\n${Architecture}\\n"


class PublishError(Exception):
    """Nothing was published; the message says which file and why."""


@dataclass(frozen=True)
class Repository:
    """Where packages are published, as Puppet wrote it in CONFIG."""

    name: str
    prefix: str
    suite: str
    component: str
    published: Path
    gnupg_home: Path

    @classmethod
    def from_file(cls, path: Path) -> "Repository":
        """Read the repository's place.

        Raises:
            PublishError: the file is not there, or not complete.
        """
        settings = configparser.ConfigParser(interpolation=None)
        try:
            settings.read_string(path.read_text(encoding="utf-8"))
            section = settings["repository"]
            return cls(
                name=section["name"],
                prefix=section["prefix"],
                suite=section["suite"],
                component=section["component"],
                published=Path(section["published"]),
                gnupg_home=Path(section["gnupg_home"]),
            )
        except (OSError, configparser.Error, KeyError) as error:
            raise PublishError(f"{path}: {error}: profile::apt_repository writes it, run puppet agent") from error


@dataclass(frozen=True, order=True)
class Identity:
    """What makes a package the same package to apt."""

    name: str
    version: str
    architecture: str

    def __str__(self) -> str:
        """Return it as Debian writes it in the name of a file."""
        return f"{self.name} {self.version} {self.architecture}"


@dataclass(frozen=True)
class Deb:
    """A package file that was found to be whole."""

    path: Path
    identity: Identity
    sha256: str


def run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command; return what it wrote on its standard output.

    Raises:
        PublishError: it is not there, or failed; with its command line and what it said.
    """
    try:
        result = subprocess.run(
            command,
            env=None if environment is None else {**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise PublishError(f"{command[0]}: {error.strerror}") from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise PublishError(f"{shlex.join(command)}: exit status {result.returncode}: {'; '.join(said[-5:])}")
    return result.stdout


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the lock, waiting for a publication that is under way."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def read_deb(path: Path) -> Deb:
    """Check that a file is a whole Debian package; return what it is.

    Raises:
        PublishError: it is none.
    """
    if not path.is_file():
        raise PublishError(f"{path}: no such file")
    try:
        fields = run(["dpkg-deb", "--show", f"--showformat={IDENTITY_FORMAT}", str(path)]).splitlines()
        # Reads the archive to its end: a package that was cut off has a readable header as well.
        run(["dpkg-deb", "--contents", str(path)])
    except PublishError as error:
        raise PublishError(f"{path}: not a Debian package, or a damaged one ({error})") from error
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    name, version, architecture = fields
    return Deb(path=path, identity=Identity(name, version, architecture), sha256=sha256)


def published(repository: Repository) -> dict[Identity, str]:
    """Return the SHA-256 of every package that machines can install now.

    Raises:
        PublishError: nothing was ever published.
    """
    suite = repository.published / repository.prefix / "dists" / repository.suite
    indexes = sorted((suite / repository.component).glob("binary-*/Packages"))
    if not (suite / "InRelease").is_file() or not indexes:
        raise PublishError(f"{suite}: there is no published repository: Puppet makes it; run puppet agent")
    packages = {}
    for index in indexes:
        for paragraph in index.read_text(encoding="utf-8").split("\n\n"):
            # A line that starts with a space goes on with the field before.
            pairs = (line.partition(":") for line in paragraph.splitlines() if line and not line[0].isspace())
            fields = {name: value.strip() for name, _, value in pairs}
            if "Package" in fields:
                identity = Identity(fields["Package"], fields["Version"], fields["Architecture"])
                packages[identity] = fields["SHA256"]
    return packages


def choose(debs: list[Deb], there: Mapping[Identity, str]) -> list[Deb]:
    """Return those that are not published yet.

    Raises:
        PublishError: one has the name, version and architecture of a package with other content.
    """
    known = dict(there)
    new = []
    for deb in debs:
        if deb.identity not in known:
            known[deb.identity] = deb.sha256
            new.append(deb)
        elif known[deb.identity] != deb.sha256:
            raise PublishError(
                f"{deb.path}: {deb.identity} is published already, with other content: build it with a new version"
            )
    return new


def publish(repository: Repository, debs: list[Deb]) -> None:
    """Add the packages to the repository and put its new index in the place of the old.

    aptly writes the new indexes beside the old and renames the signed one last; indexes are fetched by their hash,
    so that a machine gets the old ones or the new ones whole.

    Raises:
        PublishError: aptly failed. What it added is not published; the next call starts over.
    """
    # Packages that were added by a call that was interrupted before it published may be replaced.
    run(["aptly", "repo", "add", "-force-replace", repository.name, *(str(deb.path) for deb in debs)])
    run(
        ["aptly", "publish", "update", "-batch", repository.suite, repository.prefix],
        environment={"GNUPGHOME": str(repository.gnupg_home)},
    )
    missing = [str(deb.identity) for deb in debs if published(repository).get(deb.identity) != deb.sha256]
    if missing:
        raise PublishError(f"aptly did not publish {', '.join(missing)}: are these for the repository's architectures?")


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="publish-package",
        description="Publish Debian packages in the fleet's apt repository: all of them or none.",
    )
    parser.add_argument("files", metavar="FILE.deb", nargs="+", type=Path)
    files: list[Path] = parser.parse_args().files
    try:
        repository = Repository.from_file(CONFIG)
        debs = [read_deb(path) for path in files]
        with only_one(LOCK):
            new = choose(debs, published(repository))
            if new:
                publish(repository, new)
    except PublishError as error:
        print(f"publish-package: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"publish-package: run it as root: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    for deb in debs:
        print(f"{deb.identity}: {'published' if deb in new else 'was published already'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
