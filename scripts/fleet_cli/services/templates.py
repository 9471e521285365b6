"""New services from the project's template, and its later changes into services that were made from it.

cookiecutter renders a new service; copier, which copier.yml makes render just the same, merges what changed since.
"""

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import clones

ANSWERS = ".copier-answers.yml"
"""In a service: the answers that it was made from, the commit and the repository of the template."""

_PARTS = ("template", "copier.yml")


@dataclass(frozen=True)
class Update:
    """What an update of a service came to.

    Attributes:
        before, after: commits of the template.
        changed: files that differ now, relative to the service.
        conflicts: those among them in which a change of the template met one of the service.
    """

    before: str
    after: str
    changed: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def render(name: str, output: Path, *, version: str = "1.0.0", upstream: str = "") -> Path:
    """Render a service; return its directory, `output/name`.

    It is there whole or not at all, and so is what of `output` was not there before.

    Args:
        name: the Debian package's name.
        output: the directory in which it is made.
        version: the first version.
        upstream: a service that it asks over REST.

    Raises:
        FleetError: a name or another answer that can't be used, the directory exists, or it can't be written.
    """
    answers = {"name": name, "version": version, "upstream": upstream}
    _require_usable(answers)
    made = output / name
    if os.path.lexists(made):
        raise FleetError(f"{made}: exists already; choose another name or --output, nothing was changed")
    with _made_beside(made) as directory:
        # A process of its own: cookiecutter leaves its hooks behind as temporary files, and keeps the answers at home.
        try:
            process.run(
                [sys.executable, "-m", "cookiecutter", paths.control_repo() / "template", "--no-input",
                 "--output-dir", directory, *(f"{key}={value}" for key, value in answers.items())],
                env={"TMPDIR": str(directory), "HOME": str(directory)},
            )  # fmt: skip
        except CommandFailedError as error:
            reason = error.output.strip().rpartition("\n")[2]
            raise FleetError(f"{made}: could not be made, and nothing was: {reason}") from None
        _record_origin(directory / name / ANSWERS)
    return made


def _require_usable(answers: Mapping[str, str]) -> None:
    """Have the template's own hook look at the answers before anything is written: a name may hold a slash."""
    template = paths.control_repo() / "template"
    defaults = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    given = {**{key: value for key, value in defaults.items() if not key.startswith("_")}, **answers}
    hook = (template / "hooks/pre_gen_project.py").read_text(encoding="utf-8")
    try:
        process.run([sys.executable, "-c", hook.replace("{{ cookiecutter | tojson }}", json.dumps(given))])
    except CommandFailedError as error:
        raise FleetError(error.output.strip().removeprefix("error: ")) from None


@contextmanager
def _made_beside(made: Path) -> Iterator[Path]:
    """A directory in which `made` is made under its name; it moves to its place when the block is left without error.

    Raises:
        FleetError: nothing can be written there.
    """
    missing = [directory for directory in (made.parent, *made.parent.parents) if not directory.exists()]
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{made.name}.", dir=made.parent) as beside:
            yield Path(beside)
            (Path(beside) / made.name).rename(made)
    except OSError as error:
        raise FleetError(f"{made}: can't be made, and nothing was: {error.strerror}; choose another --output") from None
    finally:
        for directory in missing:
            with suppress(OSError):  # It is in use: the service is in it.
                directory.rmdir()


def update(service: Path) -> Update:
    """Merge into a service what changed in the template since the service was made, or updated last.

    Nothing is committed. What the service changed itself stays; where both changed the same lines, the file has both
    between conflict markers, as after `git merge`.

    Raises:
        FleetError: the service was not made by fleet, it is in no git repository or has uncommitted changes, or the
            commit that it was made from is not in this control repository.
    """
    repo = paths.control_repo()
    answers = _answers(service)
    recorded, source = str(answers["_commit"]), str(answers["_src_path"])
    after = _template_commit(repo)
    if not after:
        raise FleetError(f"{repo}: no git repository with the template in it, so there is nothing to update from")
    # copier records what `git describe` says.
    before = _git(repo, "rev-parse", "--verify", "--quiet", f"{recorded}^{{commit}}", check=False)
    if before is None:
        advice = clones.how_to_complete(repo) or "fetch it there first"
        raise FleetError(f"{service}: made from commit {recorded}, which {repo} does not have: {advice}")
    # A shallow clone takes its oldest commit for the one that changed the template, and a service remembers that.
    before = _template_commit(repo, before)
    if before == after:
        return Update(before, after)
    if _git(service, "rev-parse", "HEAD", check=False) is None:
        raise FleetError(f"{service}: not committed to a git repository, where an update could be seen and undone")
    if dirty := _status(service):
        raise FleetError(f"{service}: has uncommitted changes ({', '.join(dirty)}): commit or stash them first")
    # copier keeps a mirror of each address; one made from another clone, a shallow one say, is no mirror of this one.
    with tempfile.TemporaryDirectory() as mirrors:
        try:
            process.run(
                [sys.executable, "-m", "copier", "update", "--defaults", "--quiet", "--vcs-ref", after, "."],
                cwd=service, env={**_instead_of(source.removeprefix("git+"), repo), "COPIER_CACHE_DIR": mirrors},
                merge=True,
            )  # fmt: skip
        except CommandFailedError as error:
            raise FleetError(f"{service}: copier could not update it:\n{error.output.strip()}") from None
    unmerged = _git(service, "diff", "--name-only", "--relative", "--diff-filter=U") or ""
    return Update(before, after, tuple(_status(service)), tuple(unmerged.splitlines()))


def _answers(service: Path) -> dict[str, object]:
    file = service / ANSWERS
    try:
        answers = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FleetError(f"{service}: there is no {ANSWERS}: is it a service made by `fleet new`?") from None
    except yaml.YAMLError as error:
        raise FleetError(f"{file}: not YAML: {error}") from None
    if not isinstance(answers, dict) or not {"_commit", "_src_path"} <= answers.keys():
        raise FleetError(
            f"{file}: does not say which commit of the template it is from: add `_commit: COMMIT` and `_src_path: URL`"
            " of the control repository"
        )
    return answers


def _record_origin(file: Path) -> None:
    """Add to the answers of a new service where its template came from; nothing where that is in no repository."""
    repo = paths.control_repo()
    if commit := _template_commit(repo):
        with file.open("a", encoding="utf-8") as answers:
            yaml.safe_dump({"_commit": commit, "_src_path": _address(repo)}, answers)


def _template_commit(repo: Path, until: str = "HEAD") -> str:
    """The commit that changed the template last, up to a commit: others are no reason to update."""
    if not (repo / ".git").exists():
        return ""
    return _git(repo, "log", "-1", "--format=%H", until, "--", *_PARTS, check=False) or ""


def _address(repo: Path) -> str:
    """Where others find the control repository, without a password, in the form that copier takes for git's."""
    address = _git(repo, "remote", "get-url", "origin", check=False) or f"file://{repo}"
    address = re.sub(r"^(https?://)[^/@]*@", r"\1", address)
    return address if address.startswith(("git@", "git+")) else f"git+{address}"


def _instead_of(address: str, repo: Path) -> dict[str, str]:
    """Have git take what it is told to fetch from an address from the checkout, whoever made the service, and where."""
    count = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"url.{repo}.insteadOf",
        f"GIT_CONFIG_VALUE_{count}": address,
    }


def _status(service: Path) -> list[str]:
    """The files below a directory that differ from what is committed."""
    lines = (
        _git(service, "-c", "core.quotePath=false", "status", "--porcelain", "--untracked-files=all", "--", ".") or ""
    )
    prefix = _git(service, "rev-parse", "--show-prefix") or ""
    return [line.split(maxsplit=1)[1].removeprefix(prefix) for line in lines.splitlines()]


def _git(directory: Path, *arguments: str, check: bool = True) -> str | None:
    """Run git in a directory and return what it prints; None if it failed, where that is no error."""
    result = process.run(["git", "-C", directory, *arguments], check=check)
    return result.stdout.rstrip("\n") if result.returncode == 0 else None
