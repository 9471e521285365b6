"""Versions that nobody can go back behind: their packages say so, by the field `One-Way` of debian/control.

What a migration has taken away does not come back with the release of before.
"""

from collections.abc import Iterable
from functools import cmp_to_key
from pathlib import Path
from typing import NamedTuple

from fleet_cli.repository import fleet_data
from fleet_cli.repository.debian_versions import is_older
from fleet_cli.repository.trees import Commit
from fleet_cli.validation import package_index
from fleet_cli.validation.checks import config
from fleet_cli.validation.package_index import Index


class Change(NamedTuple):
    """A package that goes from one version to another; `old` is empty where it was not installed."""

    package: str
    old: str
    new: str


def of(repo: Path, commit: str, changes: Iterable[Change]) -> dict[Change, list[str]]:
    """Return for each change what `find` does; a change without any such version is left out.

    Args:
        repo, commit: a control repository that says in Hiera where its packages are; where it does not, none says so.
        changes: what a rollout does.

    Raises:
        FleetError: the apt repository does not answer.
    """
    wanted = [change for change in changes if change.old and change.old != change.new]
    data = fleet_data.read(Commit(repo, commit), mentioning="profile::fleet_repository::")
    source = config.repository(data, repo)
    if not wanted or source is None:
        return {}
    # What was published a moment ago counts, so nothing is taken from memory where a version is not in it.
    versions = {(change.package, change.new) for change in wanted}
    index = package_index.load(source, versions, retry_now=True)
    found = {change: find(index, *change) for change in wanted}
    return {change: versions for change, versions in found.items() if versions}


def find(index: Index, package: str, old: str, new: str) -> list[str]:
    """Return the versions of a package after the older of two, up to the newer, that say it; the oldest first.

    A change to a newer version can't be taken back behind these; one to an older version goes back behind them. A
    package that was not there before has none: there is nothing to go back to.
    """
    if not old:
        return []
    lower, upper = (new, old) if is_older(new, old) else (old, new)
    found = [
        version
        for version, deb in index.get(package, {}).items()
        if deb.is_one_way and is_older(lower, version) and not is_older(upper, version)
    ]
    return sorted(found, key=cmp_to_key(_compared))


def _compared(one: str, other: str) -> int:
    return is_older(other, one) - is_older(one, other)
