"""Where things are on the Puppet server, as Puppet wrote it down."""

import configparser
from dataclasses import dataclass
from pathlib import Path

from deploys.errors import DeployError

CONFIG = Path("/etc/deploy-environment.ini")


@dataclass(frozen=True)
class Layout:
    """The places that deploys work with.

    Attributes:
        environments: Puppet's environmentpath; holds the sealed environments, c_COMMIT.
        making: where an environment is made before it is moved there; on the same file system.
        checkouts: r10k's basedir: a working copy for each branch. No node is ever served from it.
        r10k_cache: r10k's cachedir.
        r10k: r10k's own program.
        r10k_config: its configuration, which is not where r10k itself looks: see deploys.command_line.
        state: holds the answers and what was given to whom (see deploys.answers).
        signed: the authority's signed certificates, a file for each node.
        confdir: Puppet Server's directory of configuration.
        account: what r10k and git run as, and what checks a commit: code of a branch never runs as root.
        signers: who has to have signed a commit, as ssh-keygen takes it; None if nobody has to.
    """

    environments: Path
    making: Path
    checkouts: Path
    r10k_cache: Path
    r10k: Path
    r10k_config: Path
    state: Path
    signed: Path
    confdir: Path
    account: str
    signers: Path | None = None

    @classmethod
    def from_file(cls, path: Path = CONFIG) -> "Layout":
        """Read it.

        Raises:
            DeployError: the file is not there, or not complete.
        """
        settings = configparser.ConfigParser(interpolation=None)
        try:
            settings.read_string(path.read_text(encoding="utf-8"))
            section = settings["deploy"]
            places = ("environments", "making", "checkouts", "r10k_cache", "r10k", "r10k_config", "state", "signed",
                      "confdir")  # fmt: skip
            signers = Path(section["signers"]) if "signers" in section else None
            return cls(**{name: Path(section[name]) for name in places}, account=section["account"], signers=signers)
        except (OSError, configparser.Error, KeyError) as error:
            raise DeployError(f"{path}: {error}: profile::r10k writes it, run puppet agent") from error

    @property
    def answers(self) -> Path:
        """The file of answers."""
        return self.state / "answers.json"

    @property
    def given(self) -> Path:
        """What Puppet Server has told nodes, a file for each."""
        return self.state / "given"

    @property
    def signed_commits(self) -> Path:
        """A file for each environment whose commit was signed, and checked whole, when it was sealed."""
        return self.state / "signed-commits"

    @property
    def checked(self) -> Path:
        """The digests of files that were found to be in order."""
        return self.state / "checked.json"

    @property
    def running(self) -> Path:
        """A mark that is there while r10k works: one that is left over tells of an r10k that was killed."""
        return self.state / "r10k-is-at-work"
