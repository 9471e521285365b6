"""A state of the control repository as a Puppet environment that the compiler can use, and what is in it."""

import fnmatch
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from fleet_cli.machine import paths, temporary
from fleet_cli.machine.cache import Directories
from fleet_cli.planning import gittrees, modules, refused_files, secret_placeholders
from fleet_cli.planning.gittrees import GitTree
from fleet_cli.planning.modules import Source
from fleet_cli.planning.sandboxed_modules import Sandboxed
from fleet_cli.repository import globs, inventory, layers, yaml_reader
from fleet_cli.repository.inventory import Machine
from fleet_cli.sandbox import running

ENVIRONMENTS = paths.CACHE / "plan/environments"
CODE = (
    "Puppetfile", "data", "environment.conf", "functions", "hiera.yaml", "hieradata", "lab.yaml", "lib", "manifests",
    "modules", "nodes.yaml", "scripts/config_version", "site", "types",
)  # fmt: skip
"""What a plan reads of a control repository, besides the directories of its modulepath."""
NOT_PUPPETS = ("lab.yaml", "nodes.yaml", "Puppetfile", "*/spec/*", "*/examples/*")
LAYOUT = "4"
"""Another one, whenever the same files are laid out in another way."""
LIMIT = 12
_SAY_WHERE = ("environment.conf", layers.NAME)
"""The files that say where modules and data are."""
ABSENT = "absent"
MIRROR: Source = Sandboxed()
"""Where modules come from, if nobody says it."""


@dataclass(frozen=True)
class Environment:
    """A state of the control repository, laid out for the compiler.

    Attributes:
        label: what a user calls it.
        name: the directory below ENVIRONMENTS: the same for the same code.
        files: a digest of each file, by path; those of fetched modules too.
        fetched: the Puppetfile's modules.
        machines: the machines that this state of the repository knows.
        notes: what stands in for something that the repository does not have.
        refused: files that no compiler should read, and why.
        memory: what others have worked out of it.
    """

    label: str
    name: str
    files: Mapping[str, str]
    fetched: modules.Modules | None
    machines: tuple[Machine, ...]
    notes: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    memory: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def directory(self) -> Path:
        """The directory on this machine; fetched modules are not in it."""
        return ENVIRONMENTS / self.name

    def read(self, path: str) -> bytes:
        """Return the content of a file of it."""
        own = self.directory / path
        if not own.is_file() and self.fetched and path in self.fetched.files:
            own = self.fetched.directory / path
        return own.read_bytes()

    def digest(self, path: str) -> str:
        """Return the digest of a file, another word if there is none."""
        return self.files.get(path) or ("directory" if path in self.directories else ABSENT)

    @cached_property
    def directories(self) -> set[str]:
        """The paths of all directories."""
        return {str(parent) for name in self.files for parent in PurePosixPath(name).parents}

    @cached_property
    def names(self) -> list[str]:
        """All paths, in order."""
        return sorted(self.files)

    def below(self, directory: str) -> list[str]:
        """Return the paths of the files below a directory, in order."""
        prefix = directory.rstrip("/") + "/"
        return [name for name in self.names if name.startswith(prefix)]

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a glob of Hiera matches, in order; `*` stays within a directory, as Ruby has it."""
        expression = globs.whole(pattern)
        return [name for name in self.names if expression.fullmatch(name)]

    @cached_property
    def modulepath(self) -> tuple[str, ...]:
        """The directories that have modules."""
        return _modulepath(self.read("environment.conf") if "environment.conf" in self.files else b"")

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """The directory of each module, by its name."""
        found: dict[str, str] = {}
        for directory in self.modulepath:
            for name in {path.split("/")[directory.count("/") + 1] for path in self.below(directory)}:
                found.setdefault(name, f"{directory}/{name}")
        return found


def _modulepath(conf: bytes) -> tuple[str, ...]:
    """The directories of a modulepath that are the environment's own; what the server adds is not known here."""
    for line in conf.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "modulepath":
            return tuple(part for part in value.strip().split(":") if part and not part.startswith(("$", "/")))
    return ("modules",)


def _code(conf: bytes, hiera: bytes) -> list[str]:
    data = layers.of(yaml_reader.parse(hiera, layers.NAME)).datadirs
    return sorted({*CODE, *_modulepath(conf), *data})


@contextmanager
def of_commit(repo: Path, ref: str, source: Source = MIRROR, label: str = "") -> Iterator[Environment]:
    """The environment of a commit; `label` if a user calls it something else than `ref`.

    Raises:
        FleetError: no such commit; a submodule is missing; the list of machines is wrong; modules can't be fetched.
    """
    commit = gittrees.commit_of(repo, ref)
    label = label or (commit[:10] if commit.startswith(ref) else f"{ref} ({commit[:10]})")
    code = _code(*(gittrees.content(repo, commit, name) for name in _SAY_WHERE))
    with _laid_out(gittrees.of_commit(repo, label, commit, code), source) as environment:
        yield environment


@contextmanager
def of_working_tree(repo: Path, source: Source = MIRROR) -> Iterator[Environment]:
    """The environment of what is checked out, with what is not committed. Raises as of_commit does."""
    code = _code(*(file.read_bytes() if file.is_file() else b"" for file in (repo / name for name in _SAY_WHERE)))
    with gittrees.of_working_tree(repo, code) as tree, _laid_out(tree, source) as environment:
        yield environment


@contextmanager
def _laid_out(tree: GitTree, source: Source) -> Iterator[Environment]:
    with temporary.directory() as scratch:
        extra = [name for name in ("Puppetfile", "nodes.yaml", "lab.yaml") if name in tree.blobs]
        tree.write(extra, scratch)
        machines = tuple(inventory.machines(scratch))
        file = scratch / "Puppetfile"
        puppetfile = file.read_bytes() if file.exists() else None
    with (
        nullcontext() if puppetfile is None else modules.fetched(puppetfile, source) as fetched,
        _with_modules(tree, machines, fetched) as environment,
    ):
        yield environment


@contextmanager
def _with_modules(
    tree: GitTree, machines: tuple[Machine, ...], fetched: modules.Modules | None
) -> Iterator[Environment]:
    code = [name for name in sorted(tree.blobs) if not any(fnmatch.fnmatch(name, other) for other in NOT_PUPPETS)]
    # What stands in for secrets hangs on them.
    listed = [f"{machine.certname} {machine.tier}" for machine in machines]
    digests = {name: tree.blobs[name].digest for name in code}
    name = _digest(digests, fetched.name if fetched else "", listed)

    def fill(new: Path) -> None:
        tree.write(code, new)
        secret_placeholders.write(new, machines)
        refused_files.replace(new)
        if fetched:
            modules.link(fetched, new)
        running.open_to_all(new)

    # Everybody may read what is in there (see fill), so nobody else comes to it.
    ENVIRONMENTS.parent.mkdir(parents=True, exist_ok=True)
    ENVIRONMENTS.parent.chmod(0o700)
    with Directories(ENVIRONMENTS, LIMIT).made(name, name, fill) as directory:
        stand_ins = secret_placeholders.written(directory, sorted({machine.tier for machine in machines}))
        yield Environment(
            tree.name,
            name,
            {**(fetched.files if fetched else {}), **digests, **stand_ins},
            fetched,
            machines,
            tuple(secret_placeholders.notes(stand_ins)),
            refused_files.replaced(directory),
        )


def _digest(files: Mapping[str, str], fetched: str, machines: list[str]) -> str:
    parts = [LAYOUT, fetched, *machines, *(f"{name}\0{digest}" for name, digest in sorted(files.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
