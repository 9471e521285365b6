"""A state of the control repository as a Puppet environment that the compiler can use, and what is in it."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from fleet_cli.machine import paths, temporary
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import gittrees, modules, refused_files, secret_placeholders
from fleet_cli.planning.gittrees import GitTree
from fleet_cli.planning.links import Links
from fleet_cli.planning.modules import Source
from fleet_cli.planning.sandboxed_modules import Sandboxed
from fleet_cli.repository import environment_conf, globs, inventory, layers
from fleet_cli.repository.environment_conf import EnvironmentConf
from fleet_cli.repository.inventory import Machine
from fleet_cli.sandbox import running
from fleet_cli.validation import puppetfile as puppetfiles

ENVIRONMENTS = paths.CACHE / "plan/environments"
NAME = "production"
"""What code is told that its environment is called: the same on both sides of a plan."""
LAYOUT = "4"
"""Another one, whenever the same files are laid out in another way."""
LIMIT = 12
ABSENT = "absent"
_NAMED = 5
_OF_HIERA = re.compile(r"(?:hiera\w*|data)/.*\.ya?ml\Z")
MIRROR: Source = Sandboxed()
"""Where modules come from, if nobody says it."""


@dataclass(frozen=True)
class Environment:
    """A state of the control repository, laid out for the compiler.

    Attributes:
        label: what a user calls it.
        name: the directory below ENVIRONMENTS: the same for the same files.
        files: a digest of each file, by each path at which it is seen; those of fetched modules, too.
        fetched: the Puppetfile's modules.
        machines: the machines that this state of the repository knows.
        notes: what stands in for something that the repository does not have.
        refused: files that no compiler should read, and why.
        links: its symbolic links.
        missing: the modules that could not be had, by name, and why.
        memory: what others have worked out of it.
    """

    label: str
    name: str
    files: Mapping[str, str]
    fetched: modules.Modules | None
    machines: tuple[Machine, ...]
    notes: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    links: Links = field(default_factory=lambda: Links({}))
    missing: Mapping[str, str] = field(default_factory=dict)
    memory: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def inside(self) -> str:
        """The directory below the compiler's environments."""
        return f"{self.name}/{NAME}"

    @property
    def directory(self) -> Path:
        """The directory on this machine; fetched modules are not in it."""
        return ENVIRONMENTS / self.inside

    def read(self, path: str) -> bytes:
        """Return the content of a file of it."""
        real = self.links.real(path)
        if real is not None and self.fetched and real in self.fetched.files:
            return (self.fetched.directory / real).read_bytes()
        if real is None or path not in self.files:
            raise FileNotFoundError(2, "no such file", path)
        return (self.directory / real).read_bytes()

    def digest(self, path: str) -> str:
        """Return the digest of what is at a path, however it is written; another word if it is no file."""
        found = self.files.get(path)
        if found is None and (real := self.links.real(path)) is not None:
            found = self.files.get(real) or ("directory" if real in self.directories else None)
        return found or ABSENT

    @cached_property
    def directories(self) -> set[str]:
        """The paths of all directories."""
        return {str(parent) for name in self.files for parent in PurePosixPath(name).parents}

    @cached_property
    def names(self) -> list[str]:
        """All paths, in order."""
        return sorted(self.files)

    def below(self, directory: str) -> list[str]:
        """Return the paths of the files below a directory, in order; `.` is the top."""
        prefix = "" if directory == "." else directory.rstrip("/") + "/"
        return [name for name in self.names if name.startswith(prefix)]

    def matching(self, pattern: str) -> list[str]:
        """Return what a glob of Hiera matches, in order; `*` stays within a directory, as Ruby has it."""
        expression = globs.whole(pattern)
        return [name for name in self._all_names if expression.fullmatch(name)]

    @cached_property
    def _all_names(self) -> list[str]:
        return sorted({*self.files, *self.directories})

    @cached_property
    def conf(self) -> EnvironmentConf:
        """What environment.conf says."""
        there = environment_conf.NAME in self.files
        return environment_conf.parse(self.read(environment_conf.NAME).decode("utf-8", "replace") if there else "")

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """The directory of each module, by its name."""
        found: dict[str, str] = {}
        for directory in self.conf.modulepath:
            within = "" if directory == "." else f"{directory}/"
            for name in {path[len(within) :].split("/", 1)[0] for path in self.below(directory)}:
                if f"{within}{name}" in self.directories:
                    found.setdefault(name, f"{within}{name}")
        return found


@contextmanager
def of_commit(
    repo: Path,
    ref: str,
    source: Source = MIRROR,
    label: str = "",
    *,
    machines: Collection[Machine] | None = None,
    hiera: str | None = None,
) -> Iterator[Environment]:
    """The environment of a commit.

    Args:
        source: where modules come from.
        label: what a user calls it, if that is something else than `ref`.
        machines: in the place of those that the commit lists.
        hiera: the text of a hiera.yaml, if the commit has none.

    Raises:
        FleetError: no such commit; the list of machines is wrong; the Puppetfile can't be evaluated.
    """
    commit = gittrees.commit_of(repo, ref)
    label = label or (commit[:10] if commit.startswith(ref) else f"{ref} ({commit[:10]})")
    with _laid_out(gittrees.of_commit(repo, label, commit), source, machines, hiera) as environment:
        yield environment


@contextmanager
def of_working_tree(
    repo: Path, source: Source = MIRROR, machines: Collection[Machine] | None = None, hiera: str | None = None
) -> Iterator[Environment]:
    """The environment of what is checked out, with what is not committed. Takes and raises what of_commit does."""
    with gittrees.of_working_tree(repo) as tree, _laid_out(tree, source, machines, hiera) as environment:
        yield environment


@contextmanager
def _laid_out(
    tree: GitTree, source: Source, machines: Collection[Machine] | None, hiera: str | None
) -> Iterator[Environment]:
    with temporary.directory() as scratch:
        tree.write([name for name in ("Puppetfile", inventory.FILE, "lab.yaml") if name in tree.blobs], scratch)
        try:
            known = tuple(inventory.listed(scratch) if machines is None else machines)
        except FleetError as error:
            raise FleetError(f"{tree.name}: {str(error).replace(f'{scratch}/', '')}") from None
        file = scratch / "Puppetfile"
        puppetfile = file.read_bytes() if file.exists() else None
    with (
        modules.fetched(puppetfile, source, tree.directories)
        if puppetfile is not None or source.without_puppetfile
        else nullcontext() as fetched,
        _with_modules(tree, known, fetched, _supplied(tree, puppetfile or b"", hiera)) as environment,
    ):
        yield environment


def _supplied(tree: GitTree, puppetfile: bytes, hiera: str | None) -> dict[str, str]:
    """The text of each file that a server's own configuration stands for, where the repository has none."""
    found = {}
    if hiera is not None and layers.NAME not in tree.blobs:
        found[layers.NAME] = hiera
    moduledir = puppetfiles.read(puppetfile.decode("utf-8", "replace")).moduledir
    if environment_conf.NAME not in tree.blobs and moduledir not in EnvironmentConf.modulepath:
        found[environment_conf.NAME] = f"modulepath = {':'.join((*EnvironmentConf.modulepath, moduledir))}\n"
    return found


@contextmanager
def _with_modules(
    tree: GitTree, machines: tuple[Machine, ...], fetched: modules.Modules | None, supplied: Mapping[str, str]
) -> Iterator[Environment]:
    # What stands in for secrets hangs on them.
    listed = [f"{machine.certname} {machine.tier}" for machine in machines]
    digests = {name: blob.digest for name, blob in tree.blobs.items()}
    digests |= {path: hashlib.sha256(text.encode()).hexdigest() for path, text in supplied.items()}
    name = _digest(digests, fetched.name if fetched else "", listed)

    def fill(new: Path) -> None:
        directory = new / NAME
        directory.mkdir()
        tree.write(sorted(tree.blobs), directory)
        for link in Links(_targets(tree, directory)).outside():
            (directory / link).unlink()  # what is there is this machine's, and not the repository's
        for path, text in supplied.items():
            (directory / path).write_text(text, encoding="utf-8")
        _rewrite(directory)
        secret_placeholders.write(directory, machines)
        refused_files.replace(directory)
        if fetched:
            modules.link(fetched, directory)
        running.open_to_all(new)

    # Everybody may read what is in there (see fill), so nobody else comes to it.
    ENVIRONMENTS.parent.mkdir(parents=True, exist_ok=True)
    ENVIRONMENTS.parent.chmod(0o700)
    with Directories(ENVIRONMENTS, LIMIT).made(name, name, fill) as place:
        directory = place / NAME
        stand_ins = secret_placeholders.written(directory, sorted({machine.tier for machine in machines}))
        links = Links(_targets(tree, directory))
        without = {**tree.missing, **(fetched.missing if fetched else {})}
        yield Environment(
            tree.name,
            name,
            links.seen({**(fetched.files if fetched else {}), **digests, **stand_ins}),
            fetched,
            machines,
            (*secret_placeholders.notes(stand_ins), *_without(without), *_not_said(digests, supplied)),
            refused_files.replaced(directory),
            links,
            {what.rpartition("/")[2].rpartition("-")[2]: why for what, why in without.items()},
        )


def _without(missing: Mapping[str, str]) -> Iterator[str]:
    """Name the modules that could not be had, those of one reason in a line."""
    by_reason: dict[str, list[str]] = {}
    for module, why in sorted(missing.items()):
        by_reason.setdefault(why, []).append(module)
    for why, names in by_reason.items():
        rest = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
        yield f"{', '.join(names[:_NAMED])}{rest}: {why}"


def _not_said(files: Collection[str], supplied: Mapping[str, str]) -> Iterator[str]:
    """Say what the repository leaves to its server's configuration."""
    if environment_conf.NAME in supplied:
        yield f"no {environment_conf.NAME}: taken for `{supplied[environment_conf.NAME].strip()}`"
    if layers.NAME not in files and any(_OF_HIERA.match(path) for path in files):
        yield (
            f"no {layers.NAME} at the top of the repository, so no data of Hiera are looked at but those of modules:"
            " --hiera FILE gives the one that the server has"
        )


def _targets(tree: GitTree, directory: Path) -> dict[str, str]:
    """Where each link of a tree leads; those that are not laid out lead nowhere."""
    links = [name for name, blob in tree.blobs.items() if blob.mode == gittrees.LINK]
    return {name: str((directory / name).readlink()) if (directory / name).is_symlink() else "/" for name in links}


def _rewrite(directory: Path) -> None:
    """Write the files that say where data and modules are as they hold for an environment that is no server's."""
    for name, rewritten in (
        (environment_conf.NAME, environment_conf.laid_out),
        (layers.NAME, layers.laid_out),
    ):
        file = directory / name
        if file.is_symlink() or not file.is_file():
            continue
        before = file.read_bytes()
        # What is no UTF-8 stays as it is, for Puppet to complain of.
        after = rewritten(before.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if after != before:
            file.write_bytes(after)


def _digest(files: Mapping[str, str], fetched: str, machines: list[str]) -> str:
    parts = [LAYOUT, fetched, *machines, *(f"{name}\0{digest}" for name, digest in sorted(files.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
