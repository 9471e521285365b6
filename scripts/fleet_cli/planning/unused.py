"""What the change leaves behind: classes and data of Hiera that a node used before it, and none does after it."""

from dataclasses import dataclass

from fleet_cli.planning.catalogs import Catalogs
from fleet_cli.planning.environment import Environment
from fleet_cli.repository import fleet_data, yaml_reader


@dataclass(frozen=True)
class Unused:
    """Names of what is still in the repository and not used any more.

    Attributes:
        classes: Puppet classes.
        files: files of Hiera.
        keys: `FILE: KEY`, keys of files of Hiera that are used otherwise.
    """

    classes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.classes or self.files or self.keys)


def find(base: Catalogs, head: Catalogs) -> Unused:
    """Compare what is used in both states; only sensible for all nodes, and where each has a catalog after it."""
    if base.environment.name == head.environment.name or any(one.error for one in head.by_certname.values()):
        return Unused()
    was, now = _used(base), _used(head)
    environment = head.environment
    classes = [name for name in sorted(was.classes - now.classes) if _manifest(name, environment) in environment.files]
    data = fleet_data.names(fleet_data.layers_of(environment), environment)
    files = sorted((was.paths - now.paths) & {*data})
    lost = was.keys - now.keys
    keys = [
        f"{path}: {key}"
        for path in sorted(data)
        if lost and path not in files
        for key in _keys(environment, path)
        if key in lost
    ]
    return Unused(tuple(classes), tuple(files), tuple(keys))


@dataclass
class _Used:
    classes: set[str]
    paths: set[str]
    keys: set[str]


def _used(catalogs: Catalogs) -> _Used:
    found = list(catalogs.by_certname.values())
    return _Used(
        {name for one in found for name in one.classes},
        {name for one in found for name in one.paths},
        {name.partition(".")[0] for one in found for name in one.keys},
    )


def _manifest(name: str, environment: Environment) -> str:
    first, *rest = name.split("::")
    return f"{environment.modules.get(first, '')}/manifests/{'/'.join(rest) or 'init'}.pp"


def _keys(environment: Environment, path: str) -> list[str]:
    """The keys at the top of a file of Hiera; none of one that can't be read: a compilation says so."""
    return list(yaml_reader.parse(environment.read(path), path).top)
