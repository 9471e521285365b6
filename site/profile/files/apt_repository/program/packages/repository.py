"""Where packages are published, as Puppet wrote it down."""

import configparser
from dataclasses import dataclass
from pathlib import Path

from packages.errors import PublishError

CONFIG = Path("/etc/publish-package.ini")


@dataclass(frozen=True)
class Repository:
    """The places that publishing works with.

    Attributes:
        name: aptly's name of it.
        prefix: where it is below `published`.
        suite: as machines name it.
        component: as machines name it.
        published: the directory that machines fetch from; aptly's own files are beside it, on the same file system.
        gnupg_home: holds the signing key.
        account: owns the repository and the key. aptly, gpg, and whatever looks into a package run as it.
    """

    name: str
    prefix: str
    suite: str
    component: str
    published: Path
    gnupg_home: Path
    account: str

    @classmethod
    def from_file(cls, path: Path = CONFIG) -> "Repository":
        """Read it.

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
                account=section["account"],
            )
        except (OSError, configparser.Error, KeyError) as error:
            raise PublishError(f"{path}: {error}: profile::apt_repository writes it, run puppet agent") from error

    @property
    def root(self) -> Path:
        """aptly's own directory."""
        return self.published.parent

    @property
    def index(self) -> Path:
        """The directory of the signed index."""
        return self.published / self.prefix / "dists" / self.suite

    @property
    def lock(self) -> Path:
        """Held by whoever publishes; Puppet makes it, since its directory is root's."""
        return self.root / "publish-package.lock"

    @property
    def staging(self) -> Path:
        """Copies of the files that are being published; Puppet makes it, too."""
        return self.root / "publish-package.files"
