"""What a package says of its settings: which that very version knows, and what each may be."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from fleet_cli.machine import paths, process, steps, temporary
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository.fixed_paths import FixedPaths
from fleet_cli.validation.package_index import Deb, Repository


class Texts(NamedTuple):
    """Two files of a package, each empty where it has none.

    Attributes:
        defaults: the settings with their defaults.
        schema: what each may be, as JSON Schema.
    """

    defaults: str
    schema: str


CACHE: Cache[Texts] = Cache(paths.CACHE / "validate/settings", 20_000)
"""The texts by package and digest of its file."""
_SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]")
_KEY = re.compile(r"(?P<name>[^\s=:#;\[][^=:]*?)\s*[=:]")
ADDRESSES = "upstreams"
"""The section whose defaults only hold a place: each address has to be given."""


@dataclass(frozen=True)
class Setting:
    """A setting: whether it has to be given, because its default is of no use."""

    required: bool


Defaults = Mapping[str, Mapping[str, Setting]]
"""The settings by section and key."""


@dataclass(frozen=True)
class PackageSettings:
    """What a package says.

    Attributes:
        known: its settings; None if it does not list them.
        schema: the JSON Schema of them as a text; empty if it has none.
    """

    known: Defaults | None
    schema: str


def of(repository: Repository, debs: Iterable[tuple[str, Deb]]) -> dict[tuple[str, Deb], PackageSettings]:
    """Return what packages say, each given by its name and file.

    Raises:
        FleetError: a package can't be had, or is damaged.
    """
    wanted = sorted(set(debs))
    result = {each: CACHE.get(_name_in_cache(repository, *each)) for each in wanted}
    missing = [each for each, texts in result.items() if texts is None]
    if missing:
        with steps.step(f"settings of {len(missing)} packages"), ThreadPoolExecutor(4) as pool:
            result.update(zip(missing, pool.map(partial(_read, repository), missing), strict=True))
    return {
        each: PackageSettings(parse(texts.defaults) if texts.defaults else None, texts.schema)
        for each, texts in result.items()
        if texts is not None
    }


def parse(text: str) -> Defaults:
    """Read the text of a default_config.ini. A comment that begins with "Required" makes the key below it required."""
    result: dict[str, dict[str, Setting]] = {}
    section = ""
    required = False
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            required = required or bool(re.match(r"\s*[#;]\s*required\b", line, re.IGNORECASE))
        elif found := _SECTION.match(line):
            section = found["name"]
            result.setdefault(section, {})
        elif section and (found := _KEY.match(line)):
            result[section][found["name"]] = Setting(required or section == ADDRESSES)
            required = False
        elif not line.strip():
            required = False
    return result


def _name_in_cache(repository: Repository, name: str, deb: Deb) -> str:
    digest = deb.sha256
    if not digest and repository.directory:
        digest = hashlib.sha256((repository.directory / deb.filename).read_bytes()).hexdigest()
    return f"{name}-{digest}"


def _read(repository: Repository, each: tuple[str, Deb]) -> Texts:
    name, deb = each
    with temporary.directory() as scratch:
        content = repository.get(deb.filename)
        if deb.sha256 and hashlib.sha256(content).hexdigest() != deb.sha256:
            raise FleetError(f"{repository.base}: {deb.filename} is not the file that the index names")
        file, files = scratch / "package.deb", scratch / "files.tar"
        file.write_bytes(content)
        try:
            process.run(["dpkg-deb", "--fsys-tarfile", file], output=files)
        except CommandFailedError:
            raise FleetError(f"{repository.base}: {deb.filename} is damaged: dpkg-deb can't read it") from None
        places = FixedPaths(name)
        # Printed, not unpacked: a link in a package leads nowhere.
        texts = Texts(*(
            process.run(["tar", "--extract", "--to-stdout", "--file", files, f".{path}"], check=False).stdout
            for path in (places.defaults, places.schema)
        ))  # fmt: skip
    CACHE.put(_name_in_cache(repository, name, deb), texts)
    return texts
