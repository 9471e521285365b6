"""Publishing: all packages of a call or none, and whatever becomes of one call, the next one works.

What machines get is the signed index, so that is what counts. What aptly's repository holds beyond it was added by a
call that failed or was killed. It is taken out again: by that call if it can, else by the next one.
"""

import shutil
import signal
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from operators.printable import printable

from packages import checks, debs, signed_index
from packages.aptly import Aptly
from packages.debs import Deb, Identity
from packages.errors import PublishError
from packages.given import Given
from packages.locking import only_one
from packages.repository import Repository
from packages.signed_index import Index

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def publish(repository: Repository, files: Sequence[Given], declared: Collection[str] = ()) -> dict[Identity, bool]:
    """Publish files; return the packages that they are, and whether each is published by this call.

    Args:
        repository: where.
        files: all of them or none.
        declared: packages of services that are not deployed yet.

    Raises:
        PublishError: nothing is published; the message says which file and why.
    """
    with only_one(repository) as lock, staged(repository, files) as given:
        aptly = Aptly(repository, lock)
        index = signed_index.read(repository) or _mended(repository, aptly)
        new = checks.unpublished(given, index)
        for warning in checks.warnings(new, index, declared):
            say(f"warning: {warning}")
        if new or not index.whole:
            _publish(repository, aptly, new, index)
        chosen = {deb.identity for deb in new}
        return {deb.identity: deb.identity in chosen for deb in given}


def renew(repository: Repository) -> None:
    """Write and sign the index anew: what is published stays as it is.

    Raises:
        PublishError: the index stays the old one.
    """
    with only_one(repository) as lock:
        aptly = Aptly(repository, lock)
        index = signed_index.read(repository)
        if index is None:
            _mended(repository, aptly)
            return
        aptly.remove(_beyond(aptly, index))
        aptly.update_index()


def say(text: str) -> None:
    """Tell a person something that is no result."""
    print(f"publish-package: {printable(text)}", file=sys.stderr, flush=True)


@contextmanager
def staged(repository: Repository, files: Sequence[Given]) -> Iterator[list[Deb]]:
    """Checked copies of package files, on the file system of the repository.

    Raises:
        PublishError: one is no package, or can't be published.
    """
    place = repository.staging
    _clear(place)  # of a call that was killed
    try:
        yield [debs.take(file, place / str(number)) for number, file in enumerate(files)]
    finally:
        _clear(place)


def _clear(directory: Path) -> None:
    for entry in directory.iterdir():
        shutil.rmtree(entry, ignore_errors=True)


def _publish(repository: Repository, aptly: Aptly, new: Sequence[Deb], index: Index) -> None:
    if left := _beyond(aptly, index):
        say(f"taken out of the repository, since its publication did not come to its end: {_words(left)}")
        aptly.remove(left)
    named = [_named(deb, index) for deb in new]
    _clear_the_way(repository, aptly, named, index)
    try:
        if named:
            aptly.add(named)
        aptly.update_index()
        _require(repository, named)
    except BaseException:
        _undo(repository, aptly, index)
        raise


def _beyond(aptly: Aptly, index: Index) -> list[Identity]:
    """What the repository holds that is not published."""
    return [identity for identity in aptly.contents() if identity not in index.packages]


def _named(deb: Deb, index: Index) -> Deb:
    """A package by the name that its file is published with, which no other package's file has.

    aptly publishes a file by the name that it finds it with, and fails where another one has that.
    """
    name = deb.identity.pool_name
    if name in {Path(package.file).name for package in index.packages.values()}:
        # Of a package with an epoch that was published by its file's own name, as it was once done.
        name = deb.identity.pool_name_with_epoch
    return replace(deb, copy=deb.copy.rename(deb.copy.with_name(name)))


def _clear_the_way(repository: Repository, aptly: Aptly, new: Iterable[Deb], index: Index) -> None:
    """Remove files of packages that were not published in the end: aptly would not overwrite them."""
    theirs = {package.file for package in index.packages.values()}
    place = repository.published / repository.prefix
    found = (file for deb in new for file in (place / "pool" / repository.component).rglob(deb.copy.name))
    if in_the_way := [file for file in found if str(file.relative_to(place)) not in theirs]:
        aptly.clean_up()
        for file in in_the_way:
            if file.stat().st_nlink == 1:  # aptly has no package with it
                file.unlink()


def _require(repository: Repository, new: Iterable[Deb]) -> None:
    index = signed_index.read(repository)
    there = index.packages if index else {}
    for deb in new:
        if deb.identity not in there or there[deb.identity].sha256 != deb.sha256:
            raise PublishError(f"{deb.path}: {deb.identity} is not in the index that aptly has written")


def _undo(repository: Repository, aptly: Aptly, index: Index) -> None:
    """Take out what was added and is not published; nobody can interrupt that."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        aptly.remove(_beyond(aptly, signed_index.read(repository) or index))
    except PublishError as error:
        say(f"what was added is still in the repository, and the next call takes it out: {error}")


def _mended(repository: Repository, aptly: Aptly) -> Index:
    """The index, written anew in the place of a damaged one.

    Raises:
        PublishError: it is damaged still.
    """
    say(f"the index in {repository.index} is damaged: it is made anew")
    aptly.update_index()
    if index := signed_index.read(repository):
        return index
    raise PublishError(f"{repository.index}: the index is damaged, and aptly did not mend it")


def _words(identities: Iterable[Identity]) -> str:
    return ", ".join(str(identity) for identity in sorted(identities))
