"""The lab's git repository, on its Puppet server: commits come to it from here, with the secrets of this lab."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from fleet_cli.fleet import remotes
from fleet_cli.lab import ssh
from fleet_cli.machine import paths, steps, temporary
from fleet_cli.repository import clones, declared, fleet_data, secrets
from fleet_cli.repository.clones import git
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.labfile import Lab
from fleet_cli.repository.services import SERVICES
from fleet_cli.repository.trees import Commit

PATH = "/srv/git/control.git"
_KEYS = "/etc/puppet/eyaml"
MADE_FROM = "With the secrets of this lab: "
"""Begins the message of a commit that was made for the lab; then comes the commit that it was made from."""

# A commit that was deployed stays one to plan from, also once no branch has it.
_UPLOAD = "--upload-pack=sudo git -c uploadpack.allowAnySHA1InWant=true upload-pack"
_RECEIVE = "--receive-pack=sudo git-receive-pack"
_SECRETS = paths.STATE / "secrets"
_PUBLIC_KEYS = "for tier do cat tiers/$tier/public_key.pkcs7.pem 2>/dev/null || cat public_key.pkcs7.pem; done"
_END_OF_KEY = "-----END CERTIFICATE-----\n"


class WithSecrets:
    """The lab's repository: a commit is made anew for it, with secrets, and pushed."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def bring(self, repo: Path, wanted: str | None, branch: str) -> str:
        """Push a commit like the one that is meant, with the lab's secrets, to the branch; return it."""
        commit = _own_or_lab_commit(self._lab, repo, wanted)
        push(self._lab, repo, commit, branch)
        return commit

    def commit(self, repo: Path, wanted: str) -> str:
        """Return a commit of the clone as it was, or would be, deployed: with the lab's secrets."""
        return _own_or_lab_commit(self._lab, repo, wanted)

    def end_of(self, _repo: Path, _branch: str) -> str:
        """Not known: only deploys push to it, so what the server has deployed is all there is to know."""
        return ""

    def fetch(self, repo: Path, wanted: str) -> str:
        """Bring a ref, or a commit, from there into the clone."""
        return remotes.fetch(repo, _url(self._lab), wanted, _shell(), _UPLOAD)

    def replace(self, repo: Path, ref: str, before: str, commit: str) -> bool:
        """Move a ref there, if it is where it was."""
        return remotes.replace(repo, _url(self._lab), ref, before, commit, _shell(), _RECEIVE)


def _url(lab: Lab) -> str:
    return f"ssh://{lab.server.name}{PATH}"


def _shell() -> dict[str, str]:
    return {"GIT_SSH_COMMAND": f"ssh -F {paths.SSH_CONFIG}"}


def push(lab: Lab, repo: Path, commit: str, branch: str) -> None:
    """Put a commit on the branch of that name in the repository on the Puppet server."""
    with steps.step(f"git push {branch} ({commit[:10]})"):
        git(
            repo, "push", "--force", "--quiet", _RECEIVE, _url(lab), f"{commit}:refs/heads/{branch}", env=_shell(),
        )  # fmt: skip


def _own_or_lab_commit(lab: Lab, repo: Path, wanted: str | None) -> str:
    """Return the commit to deploy for a commit of this clone: with the lab's secrets, unless it has them already."""
    commit = clones.head(repo, wanted)
    author = git(repo, "show", "--no-patch", "--format=%ae", commit)
    return commit if author == _lab_author(lab) else lab_commit(lab, repo, commit)


def lab_commit(lab: Lab, repo: Path, wanted: str | None = None) -> str:
    """Return a commit like the one that is meant, and with hieradata/secrets/ encrypted for this lab's own eyaml keys.

    The repository has no secrets of its own, since there is no key for which all its users could open them. The
    commit is in no branch of the checkout, and the same for the same commit and the same lab. It has no parent, since
    the server could not take what a shallow clone lacks; its message names the commit that it was made from.
    """
    parent = clones.head(repo, wanted)
    tiers = sorted({box.tier for box in lab.boxes})
    public_keys = _public_keys(lab, tiers)
    with temporary.directory() as scratch:
        index = {"GIT_INDEX_FILE": str(scratch / "index")}
        git(repo, "read-tree", parent, env=index)
        machines = [Machine(box.certname, box.role, box.tier) for box in lab.boxes]
        said = fleet_data.read(Commit(repo, parent), machines, mentioning=SERVICES)
        for tier in tiers:
            named = declared.secrets(said, tier)
            text = _lab_secrets(named, tier, public_keys[tier])
            blob = git(repo, "hash-object", "-w", "--stdin", stdin=text)
            git(
                repo,
                "update-index",
                "--add",
                "--cacheinfo",
                f"100644,{blob},{secrets.file(tier)}",
                env=index,
            )
        tree = git(repo, "write-tree", env=index)
    return _root_commit(lab, repo, tree, parent)


def _public_keys(lab: Lab, tiers: Sequence[str]) -> dict[str, bytes]:
    """The key that the secrets of each tier are encrypted with: its own, or the fleet's where it has none."""
    said = ssh.run(lab.server, ["sh", "-c", f"cd {_KEYS} && {_PUBLIC_KEYS}", "sh", *tiers]).stdout
    certificates = [f"{one}{_END_OF_KEY}".encode() for one in said.split(_END_OF_KEY)[:-1]]
    return dict(zip(tiers, certificates, strict=True))


def first_commit(lab: Lab, repo: Path) -> str:
    """Return a commit like HEAD for a server that is still to make its eyaml keys: without secrets."""
    commit = clones.head(repo)
    return _root_commit(lab, repo, git(repo, "rev-parse", f"{commit}^{{tree}}"), commit)


def _root_commit(lab: Lab, repo: Path, tree: str, made_from: str) -> str:
    date = git(repo, "show", "--no-patch", "--format=%cI", made_from)
    who = {
        "GIT_AUTHOR_NAME": "fleet lab", "GIT_AUTHOR_EMAIL": _lab_author(lab), "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": "fleet lab", "GIT_COMMITTER_EMAIL": _lab_author(lab), "GIT_COMMITTER_DATE": date,
    }  # fmt: skip
    # Where the user's git signs commits, this one is signed as well: the lab's server may want that.
    signed = ["-S"] if git(repo, "config", "--type=bool", "--default=false", "commit.gpgSign") == "true" else []
    return git(repo, "commit-tree", *signed, tree, "-m", f"{MADE_FROM}{made_from}", env=who)


def _lab_author(lab: Lab) -> str:
    return f"lab@{lab.domain}"


def _lab_secrets(wanted: declared.Secrets, tier: str, public_key: bytes) -> str:
    """The secrets that are declared, as this lab has had them for this key, and random ones for new ones.

    What other branches declare is kept, but is not in it: a commit's secrets are the same whatever else was deployed.
    """
    path = _SECRETS / hashlib.sha256(public_key).hexdigest()[:16] / f"{tier}.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    text = secrets.complete(before, wanted, tier, public_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return secrets.only(text, wanted, tier)
