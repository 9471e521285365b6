"""Who has signed a commit: judged by root with ssh-keygen, by the keys that the applied catalog lists.

git itself is not asked: it would take a key whose time is over for a commit that bears an earlier date.
"""

import base64
import binascii
import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploys.errors import DeployError

SSH_KEYGEN = "/usr/bin/ssh-keygen"
SECONDS = 30
_FIRST = re.compile(rb"tree ([0-9a-f]{40})\n")
_SIGNATURE = re.compile(rb"^gpgsig(-sha256)? (.*\n(?: .*\n)*)", re.MULTILINE)
_FINGERPRINT = re.compile(r"\bSHA256:[A-Za-z0-9+/]{43}\b")
_OPTION = re.compile(r'(valid-before|valid-after)="(\d{8})Z"')


@dataclass(frozen=True)
class Signer:
    """A line of the file of signers.

    Attributes:
        name: the principal.
        times: the days, as YYYYMMDD, before and after which the key holds, by ssh-keygen's words for these.
        fingerprint: of the key.
    """

    name: str
    times: dict[str, str]
    fingerprint: str


def tree_of(commit: bytes) -> str:
    """Return the name of a commit's tree.

    Raises:
        DeployError: it does not begin with one.
    """
    found = _FIRST.match(commit)
    if not found:
        raise DeployError("the commit names no tree: nothing has changed")
    return found[1].decode()


def require(commit: bytes, signers: Path, what: str) -> str:
    """Require that one of the signers has signed a commit, with a key that holds today; return who.

    Args:
        commit: as git keeps it; its name was checked.
        signers: as `ssh-keygen -Y verify -f` takes it; root's.
        what: how a person calls the commit.

    Raises:
        DeployError: nobody has, or nobody who may; says why.
    """
    known = _signers(signers)
    signature, signed = _apart(commit, what)
    names = ", ".join(dict.fromkeys(one.name for one in known))
    if not signature:
        raise DeployError(
            f"{what} is not signed, and profile::r10k::signers wants a signature of {names}; nothing has changed"
        )
    if not signature.startswith(b"-----BEGIN SSH SIGNATURE-----\n"):
        raise DeployError(f"{what} is not signed by an SSH key: set git's gpg.format to ssh; nothing has changed")
    with tempfile.TemporaryDirectory(prefix="signature-") as scratch:
        file = Path(scratch) / "signature"
        file.write_bytes(signature)
        said = _ssh_keygen(["check-novalidate", "-n", "git", "-s", str(file)], signed)
        key = _FINGERPRINT.search(said.stdout)
        if said.returncode != 0 or not key:
            raise DeployError(f"{what} has a signature that does not fit it; nothing has changed")
        theirs = [one for one in known if one.fingerprint == key[0]]
        for one in theirs:
            verify = ["verify", "-n", "git", "-s", str(file), "-f", str(signers), "-I", one.name]
            if _ssh_keygen(verify, signed).returncode == 0:
                return one.name
    if not theirs:
        raise DeployError(
            f"{what} is signed by a key that profile::r10k::signers does not have ({key[0]}); nothing has changed"
        )
    raise DeployError(f"{what} is signed by {theirs[0].name}, whose key {_time(theirs[0])}; nothing has changed")


def _apart(commit: bytes, what: str) -> tuple[bytes, bytes]:
    """Return a commit's signature, empty if there is none, and what was signed: the commit without it."""
    end = commit.find(b"\n\n") + 1
    header, rest = commit[:end], commit[end:]
    found = list(_SIGNATURE.finditer(header))
    if len(found) > 1 or any(one[1] for one in found):
        raise DeployError(f"{what} has more than one signature, or one of another kind; nothing has changed")
    if not found:
        return b"", commit
    begin, after = found[0].span()
    return found[0][2].replace(b"\n ", b"\n"), header[:begin] + header[after:] + rest


def _signers(path: Path) -> list[Signer]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        found = [_signer(line) for line in lines]
    except (OSError, ValueError, binascii.Error) as error:
        raise DeployError(f"{path} can't be read ({error}): profile::r10k writes it, run puppet agent") from error
    if not found:
        raise DeployError(f"{path} names nobody: profile::r10k writes it, run puppet agent")
    return found


def _signer(line: str) -> Signer:
    name, options, _kind, key = line.split(" ")[:4]
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(key, validate=True)).digest()).decode().rstrip("=")
    return Signer(name, dict(_OPTION.findall(options)), f"SHA256:{digest}")


def _time(signer: Signer) -> str:
    """Say when a key holds, in words."""
    days = {word: f"{day[:4]}-{day[4:6]}-{day[6:]}" for word, day in signer.times.items()}
    return " and ".join([
        *([f"holds from {days['valid-after']} on"] if "valid-after" in days else []),
        *([f"held before {days['valid-before']} only"] if "valid-before" in days else []),
    ]) or "ssh-keygen does not take"  # fmt: skip


def _ssh_keygen(arguments: list[str], signed: bytes) -> "subprocess.CompletedProcess[str]":
    try:
        done = subprocess.run(
            [SSH_KEYGEN, "-Y", *arguments],
            input=signed,
            capture_output=True,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            cwd="/",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeployError(f"the signature can't be checked ({error}); nothing has changed") from error
    texts = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, *texts)
