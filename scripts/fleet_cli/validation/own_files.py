"""The files of a checkout that are the repository's own, those too that are new."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fleet_cli.machine import process
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import layers

_CHECKED = (".pp", ".epp", ".erb", ".yaml", ".yml")
_ELSEWHERE = (".github", "spec/fixtures", "vendor", "node_modules")
"""Directories of what others wrote, or of what is no part of the repository's Puppet code and data."""
_OF_A_MODULE = re.compile(r"(?P<parent>.+?/.+?)/(?P<name>\w+)/manifests/")
_HIERARCHIES = (":/*hiera*.yaml", ":/*hiera*.yml")
"""What git lists, wherever below the top of the checkout; the control repository may be a directory of it."""


@dataclass
class OwnFiles:
    """The repository's own files.

    Attributes:
        repo: the control repository.
        modulepath: the directories of modules in it.
        moduledir: that of the Puppetfile; empty without one.
        fetched: the names of the modules that r10k puts there.
        skipped: the directories, of those that are nobody's own, that have files which would be checked elsewhere.
    """

    repo: Path
    modulepath: Sequence[str]
    moduledir: str
    fetched: Collection[str]
    skipped: set[str] = field(default_factory=set)

    @cached_property
    def names(self) -> list[str]:
        """Their paths below the repository, in order; of a directory that is no checkout all files are taken."""
        return sorted(name for name in self._all if not self._is_fetched(name) and not self._is_skipped(name))

    @cached_property
    def modules(self) -> list[str]:
        """The directories of the repository's own modules, by the modulepath."""
        found: dict[str, None] = {}
        for parent in self.modulepath:
            for path in sorted((self.repo / parent).glob("*")):
                if path.is_dir() and (parent != self.moduledir or path.name in self._kept_beside):
                    found[f"{parent}/{path.name}"] = None
        return list(found)

    @cached_property
    def astray(self) -> dict[str, set[str]]:
        """The modules a level too deep for the modulepath: their names, by the directory that has several."""
        found: dict[str, set[str]] = {}
        for name in self.names:
            module = _OF_A_MODULE.match(name) if "/manifests/" in name else None
            parent = module["parent"] if module else ""
            if module and parent not in self.modulepath and parent.rpartition("/")[0] in self.modulepath:
                found.setdefault(parent, set()).add(module["name"])
        return {parent: names for parent, names in found.items() if len(names) > 1}

    def notes(self) -> Iterator[str]:
        """Where nothing was checked, although there is something."""
        if self.astray:
            where = ", ".join(sorted(self.astray))
            yield f"the modules in {where} are not on the modulepath: nothing is known of their classes and keys"
        if self.skipped:
            yield f"what others wrote is not checked: the files below {', '.join(sorted(self.skipped))}"

    def has(self, directory: str) -> bool:
        """Whether a directory is there, or is put there by somebody else."""
        return (self.repo / directory).is_dir() or self._is_elsewhere(directory)

    def _is_elsewhere(self, directory: str) -> bool:
        """Whether what is not there is put there by somebody else: git ignores it, or r10k fetches it."""
        if self.moduledir and f"{directory}/".startswith(f"{self.moduledir}/"):
            return True
        if directory in self._submodules:
            return True
        try:
            process.run(["git", "-C", str(self.repo), "check-ignore", "--quiet", f"{directory}/"])
        except FleetError:
            return False
        return True

    @cached_property
    def other_hierarchies(self) -> list[Path]:
        """Configurations of Hiera beside the environment's own: for boxes, tests, another kind of machine."""
        try:
            names = self._listed("--", *_HIERARCHIES)
        except FleetError:
            return []
        of_others = {layers.NAME, *(f"{module}/{layers.NAME}" for module in self.modules)}
        return [self.repo / name for name in names if name not in of_others and "/modules/" not in f"/{name}"]

    @cached_property
    def _all(self) -> set[str]:
        try:
            return set(self._listed("--cached", "--others", "--exclude-standard"))
        except FleetError:  # no git, or no checkout
            names = (str(path.relative_to(self.repo)) for path in self.repo.rglob("*") if path.is_file())
            return {name for name in names if not name.startswith(".git/")}

    @cached_property
    def _submodules(self) -> set[str]:
        """The submodules: git lists each as if it were a file."""
        return {name for name in self._all if not Path(name).suffix and (self.repo / name).is_dir()}

    @cached_property
    def _kept_beside(self) -> set[str]:
        """The modules in the Puppetfile's moduledir that are committed there and not in the Puppetfile."""
        if not (self.repo / self.moduledir).is_dir():
            return set()
        depth = self.moduledir.count("/") + 1
        names = {name.split("/")[depth] for name in self._committed() if name.count("/") > depth}
        return names - set(self.fetched)

    def _committed(self) -> list[str]:
        """The files in the moduledir that are in git; all of them, if this is no checkout."""
        try:
            return self._listed("--cached", "--", self.moduledir)
        except FleetError:
            return [name for name in self._all if name.startswith(f"{self.moduledir}/")]

    def _listed(self, *arguments: str) -> list[str]:
        output = process.run(["git", "-C", str(self.repo), "ls-files", "-z", *arguments]).stdout
        return [name for name in output.split("\0") if name]

    def _is_fetched(self, name: str) -> bool:
        if not self.moduledir or not name.startswith(f"{self.moduledir}/"):
            return False
        return name.removeprefix(f"{self.moduledir}/").partition("/")[0] not in self._kept_beside

    def _is_skipped(self, name: str) -> bool:
        """Whether a file is below a directory of what others wrote, which no directory of modules is."""
        parent = next((parent for parent in self.modulepath if name.startswith(f"{parent}/")), "")
        path = f"/{name.removeprefix(parent)}"
        for directory in _ELSEWHERE:
            if f"/{directory}/" in path:
                if name.endswith(_CHECKED):
                    self.skipped.add(directory)
                return True
        return False
