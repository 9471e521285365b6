"""The control repository to the lab's Puppet server: git push, r10k, flush of the environment cache."""

import hashlib
import json
import os
import re
from pathlib import Path

from fleet_cli import paths, process, secrets, ssh, steps
from fleet_cli.errors import CommandFailedError, FleetError
from fleet_cli.labfile import Lab

REMOTE = "/srv/git/control.git"
COMMAND = "/usr/local/sbin/deploy-environment"
PUBLIC_KEY = "/etc/puppet/eyaml/public_key.pkcs7.pem"
ENVIRONMENT = "production"
_SECRETS = paths.STATE / "secrets"


def deploy(lab: Lab, repo: Path, branch: str | None = None) -> str:
    """Deploy a branch as the environment of its name, or what is checked out as production; return r10k's output.

    Raises:
        FleetError: no such branch, git or r10k failed; what was deployed before stays.
    """
    environment = branch or ENVIRONMENT
    commit = lab_commit(lab, repo, branch)
    push(lab, repo, commit, environment)
    with steps.step(f"r10k deploy environment {environment}"):
        output: list[str] = []
        try:
            ssh.run(lab.server, [COMMAND, environment], on_line=output.append)
        except CommandFailedError as error:
            raise FleetError(f"environment {environment} was not deployed:\n{error.output.strip()}") from None
    return "\n".join(output)


def push(lab: Lab, repo: Path, commit: str, environment: str) -> None:
    """Put a commit on the branch of that name in the repository on the Puppet server."""
    remote_shell = " ".join(["ssh", "-F", str(paths.SSH_CONFIG)])
    with steps.step(f"git push {environment} ({commit[:10]})"):
        _git(
            repo, "push", "--force", "--quiet", "--receive-pack=sudo git-receive-pack",
            f"ssh://{lab.server.name}{REMOTE}", f"{commit}:refs/heads/{environment}",
            env={"GIT_SSH_COMMAND": remote_shell},
        )  # fmt: skip


def head(repo: Path, branch: str | None = None) -> str:
    """Return the commit that would be deployed, before the lab's secrets are added.

    Raises:
        FleetError: not a git repository, no commit, or no such branch.
    """
    if branch is not None and not re.fullmatch(r"[a-z0-9_]+", branch):
        raise FleetError(
            f"{branch!r} can't be an environment: Puppet allows lower-case letters, digits and underscores;"
            " rename the branch"
        )
    name = f"refs/heads/{branch}" if branch else "HEAD"
    try:
        return _git(repo, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except CommandFailedError:
        what = f"branch {branch!r}" if branch else "commit"
        raise FleetError(f"{repo}: there is no {what} to deploy") from None


def deployed(lab: Lab, environment: str = ENVIRONMENT) -> str:
    """Return the commit that r10k has deployed, the empty string where there is none."""
    stamp = f"/etc/puppet/code/environments/{environment}/.r10k-deploy.json"
    found = ssh.run(lab.server, ["cat", stamp], check=False)
    return str(json.loads(found.stdout)["signature"]) if found.returncode == 0 else ""


def uncommitted(repo: Path) -> list[str]:
    """Return the files whose changes no deploy carries, since they are in no commit."""
    return [line[3:] for line in _git(repo, "status", "--porcelain", strip=False).splitlines()]


def lab_commit(lab: Lab, repo: Path, branch: str | None = None) -> str:
    """Return a commit like the branch's, with hieradata/secrets/ encrypted for this lab's own eyaml key on top.

    The repository has no secrets of its own, since there is no key for which all its users could open them. The
    commit is in no branch of the checkout, and the same for the same branch and the same lab.
    """
    parent = head(repo, branch)
    public_key = ssh.run(lab.server, ["cat", PUBLIC_KEY]).stdout.encode()
    index = paths.STATE / "work" / f"index-{os.getpid()}"
    index.parent.mkdir(parents=True, exist_ok=True)
    git_dir = {"GIT_INDEX_FILE": str(index)}
    try:
        _git(repo, "read-tree", parent, env=git_dir)
        for tier in sorted({box.tier for box in lab.boxes}):
            wanted = secrets.declared(_service_files(repo, parent, tier))
            text = _lab_secrets(wanted, tier, public_key)
            blob = _git(repo, "hash-object", "-w", "--stdin", stdin=text)
            _git(
                repo,
                "update-index",
                "--add",
                "--cacheinfo",
                f"100644,{blob},hieradata/secrets/{tier}.yaml",
                env=git_dir,
            )
        tree = _git(repo, "write-tree", env=git_dir)
    finally:
        index.unlink(missing_ok=True)
    date = _git(repo, "show", "--no-patch", "--format=%cI", parent)
    who = {
        "GIT_AUTHOR_NAME": "fleet lab", "GIT_AUTHOR_EMAIL": f"lab@{lab.domain}", "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": "fleet lab", "GIT_COMMITTER_EMAIL": f"lab@{lab.domain}", "GIT_COMMITTER_DATE": date,
    }  # fmt: skip
    return _git(repo, "commit-tree", tree, "-p", parent, "-m", "Secrets of this lab", env=who)


def _service_files(repo: Path, commit: str, tier: str) -> dict[str, str]:
    names = _git(repo, "ls-tree", "-r", "--name-only", commit, "hieradata/").splitlines()
    return {name: _git(repo, "show", f"{commit}:{name}") for name in names if secrets.may_declare(name, tier)}


def _lab_secrets(wanted: secrets.Declared, tier: str, public_key: bytes) -> str:
    """The tier's secrets as this lab has had them for this key, with what is newly declared."""
    path = _SECRETS / hashlib.sha256(public_key).hexdigest()[:16] / f"{tier}.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    text = secrets.complete(before, wanted, tier, public_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def _git(
    repo: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
    strip: bool = True,
) -> str:
    output = process.run(["git", "-C", repo, *arguments], env=env, stdin=stdin).stdout
    return output.strip() if strip else output
