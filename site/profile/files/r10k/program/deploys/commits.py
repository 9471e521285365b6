"""What git says of a working copy, asked as the account that owns it; and a repository of one commit, root's own.

Root runs no git on what the account has written: its configuration would be code that root runs.
"""

import hashlib
import zlib
from pathlib import Path

from deploys.account import Account
from deploys.errors import DeployError

CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"


class WorkingCopy:
    """A working copy of r10k's.

    Args:
        directory: where it is.
        account: whose it is.
    """

    def __init__(self, directory: Path, account: Account) -> None:
        self._account = account
        self._git = ("git", "--no-optional-locks", f"--git-dir={directory / '.git'}")

    def head(self) -> str:
        """Return the commit that it is at; the empty string if there is none."""
        return (self._account.output([*self._git, "rev-parse", "HEAD"]) or b"").decode(errors="replace").strip()

    def changes(self, copy: Path) -> str:
        """Return what differs from the commit in a copy of the working copy, as a person reads it."""
        command = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]
        said = self._account.output([*self._git, f"--work-tree={copy}", *command])
        return "git can't tell" if said is None else said.decode(errors="replace").strip()

    def submodules(self) -> list[str]:
        """Return the paths of the commit's submodules."""
        listing = (self._account.output([*self._git, "ls-files", "--stage", "-z"]) or b"").decode(errors="replace")
        entries = [entry.partition("\t") for entry in listing.split("\0") if entry.startswith("160000 ")]
        return [path for _, _, path in entries]

    def files(self, name: str) -> dict[str, str]:
        """Return the mode and the name of each file of a commit, by path, as git says it; see trees.Tree."""
        listing = self._account.output([*self._git, "ls-tree", "-r", "-z", name]) or b""
        entries = [entry.partition(b"\t") for entry in listing.split(b"\0") if entry]
        return {
            path.decode(errors="backslashreplace"): " ".join(about.decode(errors="replace").split()[::2])
            for about, _, path in entries
        }

    def commit(self, name: str) -> bytes:
        """Return a commit as git keeps it; what has that name, and nothing else.

        Raises:
            DeployError: git does not have it.
        """
        text = self._account.output([*self._git, "cat-file", "commit", name]) or b""
        if not _has_name(text, name):
            raise DeployError(f"git does not have commit {name[:10]}, which r10k says: nothing has changed")
        return text


def kept(directory: Path, name: str) -> bytes:
    """Return the commit that write_repository has put into an environment.

    Raises:
        DeployError: it is not there.
    """
    try:
        text = zlib.decompress((directory / ".git/objects" / name[:2] / name[2:]).read_bytes()).partition(b"\0")[2]
    except (OSError, zlib.error):
        text = b""
    if not _has_name(text, name):
        raise DeployError(f"{directory.name} does not have its commit: deploy a branch that has it")
    return text


def write_repository(directory: Path, name: str, text: bytes) -> None:
    """Make a repository that has one commit and nothing else, for a config_version that asks git.

    Args:
        directory: the environment.
        name: of the commit.
        text: the commit, as git keeps it.
    """
    place = directory / ".git"
    file = place / "objects" / name[:2] / name[2:]
    for made in (file.parent, place / "refs/heads"):
        made.mkdir(parents=True)
    file.write_bytes(zlib.compress(_object(text)))
    for written, said in (("HEAD", f"{name}\n"), ("shallow", f"{name}\n"), ("config", CONFIG)):
        (place / written).write_text(said, encoding="utf-8")


def _has_name(text: bytes, name: str) -> bool:
    return hashlib.sha1(_object(text), usedforsecurity=False).hexdigest() == name


def _object(text: bytes) -> bytes:
    return b"commit %d\0%s" % (len(text), text)
