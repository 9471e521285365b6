"""The control repository to the lab's Puppet server, and which deployed commit its nodes are given."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.fleet import ssh
from fleet_cli.lab.labfile import Box, Lab
from fleet_cli.machine import paths, process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import secrets

REMOTE = "/srv/git/control.git"
COMMAND = "/usr/local/sbin/deploy-environment"
PUBLIC_KEY = "/etc/puppet/eyaml/public_key.pkcs7.pem"
FLEET_BRANCH = "production"
"""The branch of the server's git repository that the fleet follows."""
MADE_FROM = "With the secrets of this lab: "
"""Begins the message of a commit that was made for the lab; then comes the commit that it was made from."""

_SECRETS = paths.STATE / "secrets"
_COMMIT = re.compile(r"(c_)?[0-9a-f]{7,40}")


@dataclass(frozen=True)
class Trial:
    """A node that is given another branch or commit than the fleet, for a while.

    Attributes:
        branch: the branch; None for a commit.
        environment: the environment of its commit.
        until: when it ends, in seconds since 1970.
    """

    branch: str | None
    environment: str
    until: int


class Answers:
    """Which environment the Puppet server gives to whom."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def commit(self) -> str:
        """The commit that the fleet is given; the empty string if nothing is deployed."""
        fleet = self._data["fleet"]
        return str(self._data["commits"].get(fleet["environment"], "")) if fleet else ""

    @property
    def commits(self) -> set[str]:
        """All commits that are kept."""
        return set(self._data["commits"].values())

    @property
    def trials(self) -> dict[str, Trial]:
        """The nodes that are on trial, by certname."""
        nodes = self._data["nodes"].items()
        return {name: Trial(answer["branch"], answer["environment"], answer["until"]) for name, answer in nodes}

    def environment(self, wanted: str) -> str:
        """Return the environment of what is called so: a branch that was deployed, or a commit that is kept.

        The fleet's branch stands for what the fleet is given, which may be an earlier commit.

        Raises:
            FleetError: there is none.
        """
        fleet, branches = self._data["fleet"], self._data["branches"]
        if fleet and wanted == fleet["branch"]:
            return str(fleet["environment"])
        if wanted in branches:
            return str(branches[wanted])
        start = wanted.removeprefix("c_")
        found = [name for name, commit in self._data["commits"].items() if commit.startswith(start)]
        if _COMMIT.fullmatch(wanted) and len(found) == 1:
            return str(found[0])
        known = ", ".join([*sorted(branches), *sorted(self._data["commits"])])
        raise FleetError(f"{wanted!r} is not deployed on the Puppet server, which has: {known}")


def deploy(lab: Lab, repo: Path, wanted: str | None = None, *, tier: str | None = None) -> str:
    """Deploy what is checked out, a branch, or a commit; return what the server says.

    What is checked out, or a commit, goes to all who follow the fleet's branch; a branch of another name to those who
    follow it. With a tier it goes to that tier alone.

    Raises:
        FleetError: no such branch or commit; git, r10k or a check failed. What nodes are given has not changed then.
    """
    scope = ["--tier", tier] if tier else []
    if wanted and not _is_branch(repo, wanted) and _COMMIT.fullmatch(wanted):
        return _deploy_commit(lab, repo, wanted, scope)
    # What is for a tier alone has a branch of its own: a deploy of the fleet's branch is not to bring it to all others.
    branch = wanted or (f"tier_{tier}" if tier else FLEET_BRANCH)
    with _one_push():
        commit = lab_commit(lab, repo, wanted)
        push(lab, repo, commit, branch)
        return _ask(lab, f"deploy of {branch}", [branch, "--commit", commit, *scope])


def _deploy_commit(lab: Lab, repo: Path, wanted: str, scope: Sequence[str]) -> str:
    """Give a commit that the server keeps, at once; any other commit of this clone is deployed."""
    try:
        commit = _own_or_lab_commit(lab, repo, wanted)
    except FleetError:
        return _ask(lab, f"deploy of commit {wanted}", [wanted, "--kept", *scope])  # the server may know it
    if commit in answers(lab).commits:
        return _ask(lab, f"deploy of commit {commit[:10]}", [commit, "--kept", *scope])
    branch = f"commit_{commit[:10]}" if scope else FLEET_BRANCH
    with _one_push():
        push(lab, repo, commit, branch)
        return _ask(lab, f"deploy of commit {commit[:10]}", [branch, "--commit", commit, *scope])


@contextmanager
def _one_push() -> Iterator[None]:
    """Between a push and the deploy of what was pushed, no other deploy from this machine pushes."""
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / "deploy.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.say("another deploy is under way on this machine: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def back(lab: Lab, *, tier: str | None = None) -> str:
    """Give the fleet, or a tier, what it was given before the last deploy; return what the server says.

    Raises:
        FleetError: there is no way back.
    """
    return _ask(lab, "going back", ["--back", *(["--tier", tier] if tier else [])])


def end_tier(lab: Lab, tier: str) -> str:
    """Have a tier be given what the fleet is given again; return what the server says."""
    return _ask(lab, f"tier {tier}", ["--end", "--tier", tier])


def try_on(lab: Lab, repo: Path, boxes: Sequence[Box], wanted: str, duration: str) -> str:
    """Set a trial: for a while these nodes are given a branch as it was deployed last, or a commit that is kept.

    Args:
        duration: as deploy-environment takes it: 30m, 2h, 1d.

    Raises:
        FleetError: it was not deployed, or the server does not know a node.
    """
    kept = _as_the_server_has_it(lab, repo, wanted)
    return _ask(lab, f"trial of {wanted}", [kept, "--kept", "--for", duration, *_nodes(boxes)])


def end_trial(lab: Lab, boxes: Sequence[Box]) -> str:
    """End the trials of these nodes before their time; return what the server says."""
    return _ask(lab, "end of the trial", ["--end", *_nodes(boxes)])


def answers(lab: Lab) -> "Answers":
    """Ask the server what it gives to whom.

    Raises:
        FleetError: it can't be asked, or its state can't be read.
    """
    done = ssh.run(lab.server, [COMMAND, "--list", "--json"], check=False)
    if done.returncode != 0:
        raise FleetError(f"{lab.server.name}: can't tell what is deployed: {(done.stderr or done.stdout).strip()}")
    return Answers(json.loads(done.stdout))


def environments(lab: Lab, repo: Path, wanted: Sequence[str]) -> list[str]:
    """Return the environments of branches that were deployed, or of commits that are kept.

    Raises:
        FleetError: there is none of that name, or the server can't be asked.
    """
    found = answers(lab)
    return [found.environment(_as_the_server_has_it(lab, repo, name)) for name in wanted]


def deployed(lab: Lab) -> str:
    """Return the commit that the fleet is given, the empty string where nothing is deployed."""
    return answers(lab).commit


def _nodes(boxes: Sequence[Box]) -> list[str]:
    return [word for box in boxes for word in ("--node", box.certname)]


def _ask(lab: Lab, what: str, arguments: Sequence[str]) -> str:
    """Run deploy-environment on the server; return what it printed."""
    with steps.step(what):
        output: list[str] = []
        try:
            ssh.run(lab.server, [COMMAND, *arguments], on_line=output.append)
        except CommandFailedError as error:
            raise FleetError(error.output.strip() or str(error)) from None
    return "\n".join(output)


def push(lab: Lab, repo: Path, commit: str, branch: str) -> None:
    """Put a commit on the branch of that name in the repository on the Puppet server."""
    remote_shell = " ".join(["ssh", "-F", str(paths.SSH_CONFIG)])
    with steps.step(f"git push {branch} ({commit[:10]})"):
        _git(
            repo, "push", "--force", "--quiet", "--receive-pack=sudo git-receive-pack",
            f"ssh://{lab.server.name}{REMOTE}", f"{commit}:refs/heads/{branch}",
            env={"GIT_SSH_COMMAND": remote_shell},
        )  # fmt: skip


def head(repo: Path, wanted: str | None = None) -> str:
    """Return the commit that would be deployed, before the lab's secrets are added.

    Args:
        wanted: a branch of the clone, or a commit of at least seven digits; without it, what is checked out.

    Raises:
        FleetError: not a git repository, no commit, or no such branch or commit.
    """
    if wanted is None:
        name = "HEAD"
    elif not re.fullmatch(r"[a-z0-9_]+", wanted):
        raise FleetError(
            f"{wanted!r} can't be an environment: Puppet allows lower-case letters, digits and underscores;"
            " rename the branch"
        )
    elif _is_branch(repo, wanted):
        name = f"refs/heads/{wanted}"
    elif _COMMIT.fullmatch(wanted):
        name = wanted
    else:
        raise FleetError(f"{repo}: there is no branch {wanted!r} to deploy")
    try:
        return _git(repo, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except CommandFailedError:
        what = f"commit {wanted!r}" if wanted else "commit"
        raise FleetError(f"{repo}: there is no {what} to deploy") from None


def _is_branch(repo: Path, name: str) -> bool:
    try:
        _git(repo, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}^{{commit}}")
    except CommandFailedError:
        return False
    return True


def _own_or_lab_commit(lab: Lab, repo: Path, wanted: str) -> str:
    """Return the commit to deploy for a commit of this clone: with the lab's secrets, unless it has them already."""
    commit = head(repo, wanted.removeprefix("c_"))
    author = _git(repo, "show", "--no-patch", "--format=%ae", commit)
    return commit if author == _lab_author(lab) else lab_commit(lab, repo, commit)


def uncommitted(repo: Path) -> list[str]:
    """Return the files whose changes no deploy carries, since they are in no commit."""
    return [line[3:] for line in _git(repo, "status", "--porcelain", strip=False).splitlines()]


def lab_commit(lab: Lab, repo: Path, wanted: str | None = None) -> str:
    """Return a commit like the one that is meant, and with hieradata/secrets/ encrypted for this lab's own eyaml key.

    The repository has no secrets of its own, since there is no key for which all its users could open them. The
    commit is in no branch of the checkout, and the same for the same commit and the same lab. It has no parent, since
    the server could not take what a shallow clone lacks; its message names the commit that it was made from.
    """
    parent = head(repo, wanted)
    public_key = ssh.run(lab.server, ["cat", PUBLIC_KEY]).stdout.encode()
    index = paths.STATE / "work" / f"index-{os.getpid()}"
    index.parent.mkdir(parents=True, exist_ok=True)
    git_dir = {"GIT_INDEX_FILE": str(index)}
    try:
        _git(repo, "read-tree", parent, env=git_dir)
        for tier in sorted({box.tier for box in lab.boxes}):
            named = secrets.declared(_service_files(repo, parent, tier))
            text = _lab_secrets(named, tier, public_key)
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
    return _root_commit(lab, repo, tree, parent)


def first_commit(lab: Lab, repo: Path) -> str:
    """Return a commit like HEAD for a server that is still to make its eyaml key: without secrets."""
    commit = head(repo)
    return _root_commit(lab, repo, _git(repo, "rev-parse", f"{commit}^{{tree}}"), commit)


def _root_commit(lab: Lab, repo: Path, tree: str, made_from: str) -> str:
    date = _git(repo, "show", "--no-patch", "--format=%cI", made_from)
    who = {
        "GIT_AUTHOR_NAME": "fleet lab", "GIT_AUTHOR_EMAIL": _lab_author(lab), "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": "fleet lab", "GIT_COMMITTER_EMAIL": _lab_author(lab), "GIT_COMMITTER_DATE": date,
    }  # fmt: skip
    return _git(repo, "commit-tree", tree, "-m", f"{MADE_FROM}{made_from}", env=who)


def _as_the_server_has_it(lab: Lab, repo: Path, wanted: str) -> str:
    """Return a commit of this clone as it was deployed, with the lab's secrets; any other name as it is."""
    if _is_branch(repo, wanted) or not _COMMIT.fullmatch(wanted):
        return wanted
    try:
        return _own_or_lab_commit(lab, repo, wanted)
    except FleetError:
        return wanted  # the server may know it


def _lab_author(lab: Lab) -> str:
    return f"lab@{lab.domain}"


def _service_files(repo: Path, commit: str, tier: str) -> dict[str, str]:
    names = _git(repo, "ls-tree", "-r", "--name-only", commit, "hieradata/").splitlines()
    return {name: _git(repo, "show", f"{commit}:{name}") for name in names if secrets.may_declare(name, tier)}


def _lab_secrets(wanted: secrets.Declared, tier: str, public_key: bytes) -> str:
    """The secrets that are declared, as this lab has had them for this key, and random ones for new ones.

    What other branches declare is kept, but is not in it: a commit's secrets are the same whatever else was deployed.
    """
    path = _SECRETS / hashlib.sha256(public_key).hexdigest()[:16] / f"{tier}.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    text = secrets.complete(before, wanted, tier, public_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return secrets.only(text, wanted, tier)


def _git(
    repo: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
    strip: bool = True,
) -> str:
    output = process.run(["git", "-C", repo, *arguments], env=env, stdin=stdin).stdout
    return output.strip() if strip else output
