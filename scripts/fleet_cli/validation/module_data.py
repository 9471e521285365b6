"""The data that the repository's own modules bring: each module's hiera.yaml, and the files that it names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.repository import fleet_data, layers
from fleet_cli.repository.documents import Document
from fleet_cli.repository.trees import Directory


@dataclass(frozen=True)
class ModuleData:
    """The data of a module.

    Attributes:
        module: its directory below the repository.
        hiera: the path of its hiera.yaml.
        config: what that says.
        names: the paths of the files that one of its layers reads.
        unread: those beside them that none reads.
    """

    module: str
    hiera: str
    config: Document
    names: Sequence[str]
    unread: Sequence[str]

    @property
    def prefix(self) -> str:
        """What all its keys begin with."""
        return f"{self.module.rpartition('/')[2]}::"


def of(repo: Path, modules: Iterable[str]) -> list[ModuleData]:
    """Find the data of modules; those without a hiera.yaml have none."""
    return [_data(repo, module) for module in modules if (repo / module / layers.NAME).is_file()]


def _data(repo: Path, module: str) -> ModuleData:
    hiera = layers.load(repo / module)
    names = fleet_data.names(hiera, Directory(repo / module))
    read = [name for name in names if hiera.place(name) or hiera.is_read_by_plans(name)]
    unread = [name for name in names if name not in read and not hiera.is_read_otherwise(name)]
    path = f"{module}/{layers.NAME}"
    paths = ([f"{module}/{name}" for name in each] for each in (read, unread))
    return ModuleData(module, path, layers.document(repo / module, path), *paths)
