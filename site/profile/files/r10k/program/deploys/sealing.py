"""A commit becomes an environment: copied beside, checked, and moved into place in one step.

The copy is root's, and read-only, from the beginning: what is checked is what nodes are given, whatever becomes of the
working copy meanwhile.
"""

import errno
import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploys import answers, checkouts, commits, files, foreign, form, provenance, signatures
from deploys.account import Account
from deploys.checkouts import Deployed
from deploys.errors import DeployError
from deploys.layout import Layout
from deploys.reader import TYPES, Reader

DEFAULT = "production"
NO_COMMIT = """\
# Written by deploy-environment. Deployed commits are environments of their own, c_COMMIT, and this is none.
fail("environment 'production' is no deployed commit, and Puppet Server was not told which one this node is in.\
 Its routes.yaml should name the node terminus 'answers'")
"""


def seal(layout: Layout, branch: str, found: Deployed, reader: Reader) -> str:
    """Make the environment of what r10k has deployed of a branch, unless it is there; return its name.

    Raises:
        DeployError: a check found something, or the disk is full. Nothing has changed then.
    """
    name = answers.environment_of(found.commit)
    sealed = layout.environments / name
    if sealed.exists():
        _require_same(sealed, found, branch)
        require_signed(layout, name, branch)
        return name
    made = layout.making / name
    try:
        files.clear(layout.making)
        problems = _copy(layout, branch, found, made)
        if not problems:
            _require_whole(made, found)
            checkouts.require_modules(made, branch)
            with _reading(layout, reader) as now:
                problems = now.problems(made, found.commit)
        if problems:
            told = "\n".join(f"  {problem}" for problem in problems)
            raise DeployError(f"{branch}: commit {found.commit[:10]} can't be deployed; nothing has changed:\n{told}")
        _make_read_only(made)
        files.sync_tree(made)
        layout.environments.mkdir(parents=True, exist_ok=True)
        _mark(layout, name)
        made.rename(sealed)
        files.sync_directory(layout.environments)
    except (OSError, shutil.Error, subprocess.SubprocessError) as error:
        raise DeployError(f"{branch}: {_reason(error, layout.making)}: nothing has changed") from error
    finally:
        files.remove_tree(made)
    return name


def require_signed(layout: Layout, name: str, what: str) -> None:
    """Require of a sealed environment that it was sealed as a signed commit, by somebody who may sign today.

    Raises:
        DeployError: it was not. Nothing is required where nobody has to sign.
    """
    if not layout.signers:
        return
    commit = sealed_commit(layout, name)
    what = f"{what}: commit {commit[:10]}"
    signatures.require(commits.kept(layout.environments / name, commit), layout.signers, what)
    if not _signed(layout, name).exists():
        raise DeployError(
            f"{what} was deployed when nobody had to sign, and so not all of it was checked: add a signed commit"
            " (git commit -S --allow-empty), and deploy that; nothing has changed"
        )


def _signed(layout: Layout, name: str) -> Path:
    """A mark of root's: the environment is of a signed commit, and nothing else is in it."""
    return layout.signed_commits / name


def _mark(layout: Layout, name: str) -> None:
    """Leave a mark about an environment that is to be moved into place; never one that is of another time."""
    mark = _signed(layout, name)
    mark.unlink(missing_ok=True)
    if layout.signers:
        mark.parent.mkdir(parents=True, exist_ok=True)
        files.replace(mark, "")


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
    _signed(layout, name).unlink(missing_ok=True)
    return away


def _require_same(sealed: Path, now: Deployed, branch: str) -> None:
    """What is to be sealed is what was sealed under that name: a commit, and its modules."""
    before = checkouts.deployed(sealed)
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


def _copy(layout: Layout, branch: str, found: Deployed, made: Path) -> list[str]:
    """Copy a working copy, with a repository of its own; return what is wrong with its form, a sentence each."""
    account = Account.of(layout)
    source = commits.WorkingCopy(layout.checkouts / branch, account)
    commit = source.commit(found.commit)
    foreign.copy_tree(layout.checkouts / branch, made, account.uid)
    if layout.signers and (made / TYPES).exists():
        raise DeployError(f"{branch}: {TYPES} is made by a deploy: take it out of git; nothing has changed")
    problems = form.problems(made, source.submodules())
    if problems:
        return problems
    listing = functools.partial(source.files, found.commit)
    provenance.require(layout, made, found.commit, commit, what=branch, listing=listing)
    commits.write_repository(made, found.commit, commit)
    if changed := source.changes(made):
        raise _changed(changed)
    return []


@contextmanager
def _reading(layout: Layout, reader: Reader) -> Iterator[Reader]:
    """A reader to ask. Where commits are signed, nothing that ran before may have a hand in what it says.

    The Puppetfile of any branch has run as the same account, and could have changed a reader that ran beside it.
    """
    if not layout.signers:
        yield reader
        return
    Account.of(layout).end_processes()
    with Reader(layout) as fresh:
        yield fresh


def _require_whole(made: Path, found: Deployed) -> None:
    """What was copied is what r10k has said: no other r10k, and no person, has changed the working copy meanwhile."""
    if checkouts.deployed(made) != found:
        raise _changed("r10k says something else of it now")


def _changed(what: str) -> DeployError:
    return DeployError(
        f"the working copy of r10k was changed while it was copied ({what}): nothing has changed; deploy again"
    )


def _make_read_only(made: Path) -> None:
    """The same for what was added to the copy: nobody may write; everybody may read, as Puppet Server does."""
    for added in (made / ".git", made / TYPES):
        for directory, _, names in os.walk(added):
            for path in (Path(directory, name) for name in names):
                path.chmod(0o444)
            Path(directory).chmod(0o555)


def _reason(error: OSError | shutil.Error | subprocess.SubprocessError, making: Path) -> str:
    # copytree gathers what went wrong with each file in one error.
    texts = [str(item[2]) for item in error.args[0]] if isinstance(error, shutil.Error) else [str(error)]
    full = os.strerror(errno.ENOSPC)
    if any(full in text for text in texts):
        return f"no space left on the file system of {making}"
    return texts[0]
