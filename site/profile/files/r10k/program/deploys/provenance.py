"""What is laid out is what was committed, and locked, and signed: nothing else came in on the way.

Root works it out from the copy that nodes are to be given, and asks nobody that code of a branch could have changed.
"""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from deploys import digests, signatures, trees
from deploys.errors import DeployError
from deploys.layout import Layout

ADDED = ".r10k-deploy.json"
"""What r10k puts into a working copy, and is in no commit."""

_NAMED = 3


def require(
    layout: Layout, environment: Path, name: str, commit: bytes, *, what: str, listing: Callable[[], Mapping[str, str]]
) -> None:
    """Require of a copy what the server and the commit ask for; nothing if neither asks for anything.

    Args:
        layout: where things are; its signers are those of the applied catalog.
        environment: the copy; root's alone, and without what a deploy adds to it.
        name: of the commit.
        commit: the commit as git keeps it; its name was checked.
        what: how a person calls it.
        listing: what the account's git says of the commit's files, as trees.Tree.files has them: for messages alone.

    Raises:
        DeployError: it is not what it has to be.
    """
    what = f"{what}: commit {name[:10]}"
    if layout.signers:
        signatures.require(commit, layout.signers, what)
    locked = digests.read(environment)
    if locked is None and not layout.signers:
        return
    digests.require(environment, locked or [], what)
    added = {ADDED, *(module.directory for module in locked or [])}
    found = trees.of_directory(environment, added)
    if found.name != signatures.tree_of(commit):
        raise DeployError(f"{what}: {_differs(found.files, listing(), locked is not None)}; nothing has changed")


def _differs(found: Mapping[str, str], committed: Mapping[str, str], has_lock: bool) -> str:
    """Say which files are not those of the commit."""
    strange = [path for path in sorted({*found, *committed}) if found.get(path) != committed.get(path)]
    new = [path for path in strange if path not in committed]
    if new and new == strange:
        places = itertools.islice(dict.fromkeys("/".join(path.split("/")[:2]) for path in new), _NAMED)
        where = digests.NAME if has_lock else f"a {digests.NAME}, which `fleet lock` makes"
        return f"{', '.join(places)}: is neither in the commit nor in {where}"
    named = ", ".join(strange[:_NAMED]) or "its files"
    return f"what is laid out is not what was committed ({named}): do attributes of git change files?"
