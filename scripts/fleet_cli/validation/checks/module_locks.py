"""The digests of the Puppetfile's modules, against the Puppetfile."""

from collections.abc import Iterator
from pathlib import Path

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import module_digests
from fleet_cli.repository.finding import Finding
from fleet_cli.validation.puppetfile import NAME, Puppetfile

_MAKE = "run `fleet lock`, and commit what it writes"


def findings(repo: Path, puppetfile: Puppetfile) -> Iterator[Finding]:
    """Say where a repository's digests are not of the modules that its Puppetfile names; nothing if it has none."""
    try:
        locked = module_digests.load(repo)
    except FleetError as error:
        yield Finding(module_digests.NAME, 1, 1, "wrong-lock", str(error).partition(": ")[2], _MAKE)
        return
    if locked is None:
        return
    for module in puppetfile.modules:
        if module.is_local:
            continue
        entry = locked.pop(module.slug, None)
        place = module.version or module
        if entry is None:
            message = f"{module_digests.NAME} has no digest of '{module.slug}', so it is not deployed"
            yield Finding(NAME, module.line, module.column, "unlocked-module", message, _MAKE)
        elif entry.version != module.said_version:
            message = f"{module_digests.NAME} has '{module.slug}' at {entry.version or 'no version'}"
            yield Finding(NAME, place.line, place.column, "unlocked-module", message, _MAKE)
        elif entry.directory != puppetfile.directory_of(module):
            message = f"{module_digests.NAME} has '{module.slug}' in {entry.directory}"
            yield Finding(NAME, module.line, module.column, "unlocked-module", message, _MAKE)
    if not puppetfile.is_program:
        for slug in locked:
            message = f"'{slug}' is not in the Puppetfile"
            yield Finding(module_digests.NAME, 1, 1, "unused-lock", message, _MAKE)
