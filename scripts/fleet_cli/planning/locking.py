"""The digests of the Puppetfile's modules are made: each module is fetched, and what is in it written down."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import modules
from fleet_cli.planning.modules import Source
from fleet_cli.repository import module_digests
from fleet_cli.repository.module_digests import Locked
from fleet_cli.validation import puppetfile as puppetfiles
from fleet_cli.validation.puppetfile import Puppetfile


class Other(StrEnum):
    """What becomes of a digest that is not the one that is locked for the version."""

    REFUSE = "refuse"
    ADD = "add"
    REPLACE = "replace"


@dataclass(frozen=True)
class Change:
    """What has become of a module's entry.

    Attributes:
        name: the module.
        what: `new`, `same`, `added`, `replaced` or `gone`.
        version: the one that is locked now; of one that is gone, the one that was.
    """

    name: str
    what: str
    version: str


def lock(repo: Path, source: Source, other: Other = Other.REFUSE) -> list[Change]:
    """Write the digests of the Puppetfile's modules; return what has become of each entry.

    Args:
        repo: the control repository.
        source: where modules come from.
        other: what to do about a module whose files are not those that are locked for its version.

    Raises:
        FleetError: there is no Puppetfile, or it can't be read as text; a module can't be had; one has other files than
            are locked. Nothing is written then.
    """
    if not (repo / puppetfiles.NAME).exists():
        raise FleetError(f"{repo}: there is no Puppetfile")
    said = puppetfiles.of(repo)
    if said.is_program or said.findings:
        raise FleetError("the Puppetfile is Ruby that only r10k understands: name each module by a plain `mod`")
    before = module_digests.load(repo) or {}
    now = _fetched(repo, said, source)
    changes = list(_changes(before, now))
    if other is Other.REFUSE and (differ := [change for change in changes if change.what == "added"]):
        one = differ[0]
        raise FleetError(
            f"module {one.name} {one.version} has other files than {module_digests.NAME} has: expected SHA-256"
            f" {' or '.join(before[one.name].digests)}, found {now[one.name].digests[0]}. If both places that have it"
            " are to be trusted, --add; if only this one, --replace"
        )
    if other is Other.ADD:
        now = {name: _with_former(module, before.get(name)) for name, module in now.items()}
    else:
        changes = [replace(change, what="replaced") if change.what == "added" else change for change in changes]
        same = {change.name for change in changes if change.what == "same"}
        now = {name: before[name] if name in same else module for name, module in now.items()}
    module_digests.write(repo, now)
    return changes


def _fetched(repo: Path, said: Puppetfile, source: Source) -> dict[str, Locked]:
    found = {}
    with modules.fetched((repo / puppetfiles.NAME).read_bytes(), source) as fetched:
        if fetched.missing:
            name, why = next(iter(fetched.missing.items()))
            raise FleetError(f"module {name} can't be locked: {why}")
        for module in said.modules:
            if not module.is_local:
                directory = said.directory_of(module)
                place = fetched.directory / directory
                if not place.is_dir():
                    raise FleetError(f"module {module.slug} can't be locked: it is not in {directory}")
                found[module.slug] = Locked(directory, module.said_version, (module_digests.of_directory(place),))
    return found


def _changes(before: dict[str, Locked], now: dict[str, Locked]) -> Iterator[Change]:
    for name, module in sorted(now.items()):
        former = before.get(name)
        if former is None or (former.version, former.directory) != (module.version, module.directory):
            yield Change(name, "new", module.version)
        else:
            yield Change(name, "same" if module.digests[0] in former.digests else "added", module.version)
    for name in sorted(before.keys() - now.keys()):
        yield Change(name, "gone", before[name].version)


def _with_former(module: Locked, former: Locked | None) -> Locked:
    if former is None or former.version != module.version:
        return module
    return replace(module, digests=tuple(dict.fromkeys([*former.digests, *module.digests])))
