"""A commit becomes an environment: copied beside, checked, made read-only, and moved into place in one step."""

import errno
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

from deploys import answers, checkouts, files, form
from deploys.errors import DeployError
from deploys.layout import Layout
from deploys.reader import Reader

DEFAULT = "production"
NO_COMMIT = """\
# Written by deploy-environment. Deployed commits are environments of their own, c_COMMIT, and this is none.
fail("environment 'production' is no deployed commit, and Puppet Server was not told which one this node is in.\
 Its routes.yaml should name the node terminus 'answers'")
"""


def seal(layout: Layout, branch: str, reader: Reader) -> str:
    """Make the environment of the commit that a branch's working copy is at, unless it is there; return its name.

    Raises:
        DeployError: r10k failed, a check found something, or the disk is full. Nothing has changed then.
    """
    checkout = layout.checkouts / branch
    commit = checkouts.deployed_commit(checkout)
    name = answers.environment_of(commit)
    sealed = layout.environments / name
    if sealed.exists():
        _require_same(sealed, checkout, branch)
        return name
    made = layout.making / name
    try:
        files.clear(layout.making)
        shutil.copytree(checkout, made, symlinks=True)
        _require_whole(made, commit)
        _leave_cache(made, commit)
        _make_read_only(made)
        problems = form.problems(made) or reader.problems(made, commit)
        if problems:
            told = "\n".join(f"  {problem}" for problem in problems)
            raise DeployError(f"{branch}: commit {commit[:10]} can't be deployed; nothing has changed:\n{told}")
        _make_read_only(made)
        files.sync_tree(made)
        layout.environments.mkdir(parents=True, exist_ok=True)
        made.rename(sealed)
        files.sync_directory(layout.environments)
    except (OSError, shutil.Error, subprocess.SubprocessError) as error:
        raise DeployError(f"{branch}: {_reason(error, layout.making)}: nothing has changed") from error
    finally:
        files.remove_tree(made)
    return name


def sealed_commit(layout: Layout, name: str) -> str:
    """Return the commit of a sealed environment.

    Raises:
        DeployError: there is no such environment.
    """
    try:
        text = (layout.environments / name / ".r10k-deploy.json").read_text(encoding="utf-8")
        return str(json.loads(text)["signature"])
    except (OSError, ValueError, KeyError) as error:
        raise DeployError(
            f"{name} is not there: only the last deploys are kept; deploy a branch that has the commit"
        ) from error


def all_sealed(layout: Layout) -> set[str]:
    """Return the names of the sealed environments."""
    if not layout.environments.is_dir():
        return set()
    return {path.name for path in layout.environments.iterdir() if answers.ENVIRONMENT.fullmatch(path.name)}


def old_checkouts(layout: Layout) -> set[str]:
    """Return the names of r10k's working copies among the environments, from before there were sealed ones."""
    if not layout.environments.is_dir():
        return set()
    found = {path.parent.name for path in layout.environments.glob("*/.r10k-deploy.json")}
    return {name for name in found if not answers.ENVIRONMENT.fullmatch(name)}


def keep_default(layout: Layout, *, always: bool) -> None:
    """Have an environment of the name that Puppet takes where it is told none; no node gets a catalog from it.

    Puppet Server does not start without one. It is to be seen where its node terminus is not asked: a catalog that
    fails, not an empty one.

    Args:
        always: whether one that is there is made such a one; not before nodes are given something else.
    """
    place = layout.environments / DEFAULT
    manifest = place / "manifests" / "site.pp"
    if not manifest.exists() and (always or not place.exists()):
        manifest.parent.mkdir(parents=True, exist_ok=True)
        files.replace(manifest, NO_COMMIT)


def put_away(layout: Layout, name: str) -> Path:
    """Take an environment out of the server's sight in one step; return the directory that is then to be removed."""
    layout.making.mkdir(parents=True, exist_ok=True)
    away = layout.making / f"{name}.removed"
    files.remove_tree(away)
    (layout.environments / name).rename(away)
    return away


def _require_same(sealed: Path, checkout: Path, branch: str) -> None:
    """What is to be sealed is what was sealed under that name: a commit, and its modules."""
    before, now = checkouts.deployed(sealed), checkouts.deployed(checkout)
    if before.commit != now.commit:
        raise DeployError(
            f"commits {before.commit} and {now.commit} begin alike, and so their environments would have one name:"
            " add an empty commit (git commit --allow-empty), and deploy that"
        )
    moved = sorted(module for module, _ in before.modules.items() ^ now.modules.items())
    if moved:
        raise DeployError(
            f"{branch}: commit {now.commit[:10]} is deployed already, and r10k now finds other modules for it"
            f" ({', '.join(dict.fromkeys(moved))}). A commit's environment never changes: pin them in the Puppetfile"
        )


def _require_whole(made: Path, commit: str) -> None:
    """What was copied is the commit: no other r10k, and no person, has changed the working copy meanwhile."""
    git = ["git", "-C", str(made)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if head != commit or changed.returncode != 0 or changed.stdout:
        what = changed.stdout.strip() or changed.stderr.strip() or f"its commit is {head[:10]} now"
        raise DeployError(
            f"the working copy of r10k was changed while it was copied ({what}): nothing has changed; deploy again"
        )


def _leave_cache(made: Path, commit: str) -> None:
    """Free the copy's repository of r10k's cache; it keeps the commit, for a config_version that asks git."""
    git = ["git", "-C", str(made)]
    text = subprocess.run([*git, "cat-file", "commit", commit], capture_output=True, check=True).stdout
    files.clear(made / ".git/objects")
    (made / ".git/shallow").write_text(f"{commit}\n", encoding="utf-8")
    subprocess.run([*git, "hash-object", "-w", "-t", "commit", "--stdin"], input=text, capture_output=True, check=True)


def _make_read_only(made: Path) -> None:
    """Nobody may write; everybody may read: Puppet Server is not the owner."""
    for directory, names, others in os.walk(made):
        for path in (Path(directory, name) for name in (*names, *others)):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            runs = 0o111 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0
            path.chmod(0o444 | runs)
    made.chmod(0o555)


def _reason(error: OSError | shutil.Error | subprocess.SubprocessError, making: Path) -> str:
    # copytree gathers what went wrong with each file in one error.
    texts = [str(item[2]) for item in error.args[0]] if isinstance(error, shutil.Error) else [str(error)]
    full = os.strerror(errno.ENOSPC)
    if any(full in text for text in texts):
        return f"no space left on the file system of {making}"
    return texts[0]
