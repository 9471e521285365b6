"""default_config.ini inside a package: which settings that very version knows."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from fleet_cli.machine import paths, process, steps, temporary
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository.fixed_paths import FixedPaths
from fleet_cli.validation.package_index import Deb, Repository

CACHE: Cache[str] = Cache(paths.CACHE / "validate/defaults", 20_000)
"""The texts by package and digest of its file; an empty one for a package that has no default_config.ini."""
_READ = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout ".$2" 2>/dev/null || true'
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


def of(repository: Repository, debs: Iterable[tuple[str, Deb]]) -> dict[tuple[str, Deb], Defaults | None]:
    """Return the settings of packages, each given by its name and file; None for one that says nothing of them.

    Raises:
        FleetError: a package can't be had, or is damaged.
    """
    wanted = sorted(set(debs))
    result = {each: CACHE.get(_name_in_cache(repository, *each)) for each in wanted}
    missing = [each for each, text in result.items() if text is None]
    if missing:
        with steps.step(f"settings of {len(missing)} packages"), ThreadPoolExecutor(4) as pool:
            result.update(zip(missing, pool.map(partial(_read, repository), missing), strict=True))
    return {each: parse(text) if text else None for each, text in result.items()}


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


def _read(repository: Repository, each: tuple[str, Deb]) -> str:
    name, deb = each
    with temporary.directory() as scratch:
        content = repository.get(deb.filename)
        if deb.sha256 and hashlib.sha256(content).hexdigest() != deb.sha256:
            raise FleetError(f"{repository.base}: {deb.filename} is not the file that the index names")
        file = scratch / "package.deb"
        file.write_bytes(content)
        try:
            process.run(["dpkg-deb", "--info", file])
            text = process.run(["sh", "-c", _READ, "read", file, FixedPaths(name).defaults]).stdout
        except CommandFailedError:
            raise FleetError(f"{repository.base}: {deb.filename} is damaged: dpkg-deb can't read it") from None
    CACHE.put(_name_in_cache(repository, name, deb), text)
    return text
