"""States of a repository, as git trees: of a commit, or of the working tree with what is not committed yet."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from fleet_cli.machine import process, temporary
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import clones

PRODUCTION_BRANCHES = ("production", "main", "master")
SUBMODULE, LINK = "160000", "120000"
"""Modes of git."""
WORKING_TREE = "working tree"


@dataclass(frozen=True)
class Blob:
    """A file of a tree: the digest of its content, its git mode, and the repository that has it."""

    digest: str
    mode: str
    repo: Path


@dataclass(frozen=True)
class GitTree:
    """A state of a repository.

    Attributes:
        name: what a user calls it.
        tree: the id of the git tree.
        blobs: its files by path, those of submodules too.
        env: how git is told of objects that are in no repository.
        missing: submodules whose files are not here, by path, and what to do.
    """

    name: str
    tree: str
    blobs: Mapping[str, Blob]
    env: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def directories(self) -> set[str]:
        """The paths of all its directories."""
        return {str(parent) for name in self.blobs for parent in PurePosixPath(name).parents}

    def write(self, names: Sequence[str], target: Path) -> None:
        """Write files of it below a directory, as a checkout would."""
        entries: dict[Path, list[str]] = {}
        for name in names:
            blob = self.blobs[name]
            entries.setdefault(blob.repo, []).append(f"{blob.mode} {blob.digest}\t{name}\0")
        for repo, lines in entries.items():
            with _index(repo, None) as index:
                env = {**self.env, **index}
                git(repo, "update-index", "-z", "--index-info", stdin="".join(lines), env=env)
                git(repo, "checkout-index", "--all", "--force", f"--prefix={target}/", env=env)


def git(repo: Path, *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run git in a repository; return what it printed.

    Raises:
        CommandFailedError: it failed.
    """
    return process.run(["git", "-C", repo, *arguments], env=env, stdin=stdin).stdout


def commit_of(repo: Path, ref: str) -> str:
    """Return the commit that a branch, tag or commit id names.

    Raises:
        FleetError: there is none, or this is no git repository.
    """
    try:
        return git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    except CommandFailedError as error:
        if "not a git repository" in error.output or "dubious ownership" in error.output:
            raise FleetError(f"{repo}: {error.output.strip()}") from None
        branches = git(repo, "branch", "--all", "--format=%(refname:short)").split()
        raise FleetError(
            f"{ref!r} names no commit of {repo}: it has the branches {', '.join(branches[:20]) or '(none)'}"
            f"{_advice(repo)}"
        ) from None


def merge_base(repo: Path) -> tuple[str, str]:
    """Return where what is checked out has left the production branch: a name for it, and the commit.

    Raises:
        FleetError: there is no branch that could be it, or it has nothing in common with what is checked out.
    """
    commit_of(repo, "HEAD")
    for branch in (name for short in PRODUCTION_BRANCHES for name in (short, f"origin/{short}")):
        try:
            tip = commit_of(repo, branch)
        except FleetError:
            continue
        try:
            return branch, git(repo, "merge-base", tip, "HEAD").strip()
        except CommandFailedError:
            raise FleetError(
                f"{branch} and what is checked out have no common commit: name a BASE{_advice(repo)}"
            ) from None
    raise FleetError(
        f"{repo}: no branch is called {', '.join(PRODUCTION_BRANCHES)}: name a BASE to compare with{_advice(repo)}"
    )


def _advice(repo: Path) -> str:
    advice = clones.how_to_complete(repo)
    return advice and f"; {advice}"


def of_commit(repo: Path, name: str, commit: str) -> GitTree:
    """The state of a commit.

    Raises:
        FleetError: it has not the folder of the git repository that is the control repository.
    """
    tree, top = _within(repo, f"{commit}^{{tree}}", name, {})
    missing: dict[str, str] = {}
    return GitTree(name, tree, dict(_blobs(repo, tree, {}, missing, committed=True, top=top)), {}, missing)


def _within(repo: Path, tree: str, name: str, env: Mapping[str, str]) -> tuple[str, Path]:
    """The part of a tree that is the control repository, which may be a folder of a git one; and the top of that."""
    prefix, found = git(repo, "rev-parse", "--show-prefix", tree, env=env).splitlines()
    if not prefix:
        return found, repo
    try:
        part = git(repo, "rev-parse", "--verify", "--quiet", f"{found}:{prefix.rstrip('/')}", env=env).strip()
    except CommandFailedError:
        raise FleetError(f"{name} has no folder {prefix}") from None
    return part, repo.joinpath(*[".."] * prefix.count("/")).resolve()


@contextmanager
def of_working_tree(repo: Path) -> Iterator[GitTree]:
    """The state of what is checked out, with what is changed or new and not ignored.

    Nothing is added to the repository: what git writes for this is gone when the block is left.
    """
    commit_of(repo, "HEAD")
    with temporary.directory() as objects:
        env = {"GIT_OBJECT_DIRECTORY": str(objects), "GIT_ALTERNATE_OBJECT_DIRECTORIES": _object_directories(repo)}
        tree, top = _within(repo, _tree_of_files(repo, env), WORKING_TREE, env)
        missing: dict[str, str] = {}
        blobs = dict(_blobs(repo, tree, env, missing, committed=False, top=top))
        yield GitTree(WORKING_TREE, tree, blobs, env, missing)


def _object_directories(repo: Path) -> str:
    """Where the objects of a repository and of its submodules are."""
    own = [Path(git(repo, "rev-parse", "--path-format=absolute", "--git-path", "objects").strip())]
    modules = Path(git(repo, "rev-parse", "--path-format=absolute", "--git-path", "modules").strip())
    return os.pathsep.join(map(str, [*own, *modules.glob("**/objects")]))


def _tree_of_files(repo: Path, env: Mapping[str, str]) -> str:
    with _index(repo, "index") as index:
        env = {**env, **index}
        git(repo, "add", "--all", "--", ".", env=env)
        return git(repo, "write-tree", env=env).strip()


@contextmanager
def _index(repo: Path, start: str | None) -> Iterator[dict[str, str]]:
    """An index of its own, empty or a copy of the repository's, so that the user's stays as it is."""
    with temporary.directory() as directory:
        file = directory / "index"
        if start:
            own = Path(git(repo, "rev-parse", "--path-format=absolute", "--git-path", start).strip())
            if own.exists():
                shutil.copy2(own, file)
        yield {"GIT_INDEX_FILE": str(file)}


def _blobs(
    repo: Path, tree: str, env: dict[str, str], missing: dict[str, str], *, committed: bool, top: Path, below: str = ""
) -> Iterator[tuple[str, Blob]]:
    listing = git(repo, "ls-tree", "-r", "-z", "--full-tree", tree, env=env)
    for entry in listing.split("\0"):
        if not entry:
            continue
        attributes, name = entry.split("\t", 1)
        mode, _, digest = attributes.split(" ")
        if mode != SUBMODULE:
            yield below + name, Blob(digest, mode, top)
            continue
        module = repo / name
        if not (module / ".git").exists():
            missing[below + name] = f"not checked out: `git -C {repo} submodule update --init`"
            continue
        try:
            if committed:
                part = git(module, "rev-parse", "--verify", "--quiet", f"{digest}^{{tree}}").strip()
            else:
                env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] += os.pathsep + _object_directories(module)
                part = _tree_of_files(module, env)
        except CommandFailedError:
            missing[below + name] = f"the submodule lacks the commit {digest[:10]}: `git -C {module} fetch`"
            continue
        yield from _blobs(module, part, env, missing, committed=committed, top=module, below=f"{below}{name}/")
