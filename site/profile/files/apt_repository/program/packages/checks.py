"""Whether packages may be published beside those that are."""

from collections.abc import Collection, Iterable, Iterator

from packages import debian, declared
from packages.debs import Deb
from packages.errors import PublishError
from packages.signed_index import Index


def unpublished(given: Iterable[Deb], index: Index) -> list[Deb]:
    """Return those that are not published yet.

    Raises:
        PublishError: one is for other machines, or another package is published with its name and version.
    """
    known = {identity: package.sha256 for identity, package in index.packages.items()}
    new = []
    for deb in given:
        its = deb.identity
        if its.architecture not in {*index.architectures, "all"}:
            machines = ", ".join(sorted(index.architectures))
            raise PublishError(f"{deb.path}: {its} is not for this repository's machines, which are {machines}")
        if its not in known:
            new.append(deb)
        elif known[its] != deb.sha256:
            where = "is published already" if its in index.packages else "was given before"
            raise PublishError(f"{deb.path}: {its} {where}, with other content: build it with a new version")
        known[its] = deb.sha256
    return new


def warnings(new: Collection[Deb], index: Index, declared_too: Collection[str]) -> Iterator[str]:
    """Yield what a person should know about packages that are to be published.

    Raises:
        PublishError: one has a name that a package of Debian has or provides.
    """
    if not new:
        return
    names = {deb.identity.name for deb in new}
    used = {identity.name for identity in index.packages}
    taken = debian.taken(names)
    if taken is None:
        yield "apt has no index of Debian here, which may have a package of that name: run apt-get update"
    for deb in new:
        if has := (taken or {}).get(deb.identity.name):
            what = f"{has}, and machines can't tell them apart"
            if deb.identity.name not in used:
                raise PublishError(f"{deb.path}: {what}: give yours another name (Package in debian/control)")
            yield f"{what}; it is published because others of that name were before: give yours another one"
    known = declared.packages()
    for name in sorted(names - {*(names if known is None else known), *declared_too}):
        yield f"no deployed service runs from the package {name}: if one is to, hieradata/services declares it"
