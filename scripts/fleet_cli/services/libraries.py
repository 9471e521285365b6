"""The libraries that a service's requirements.txt locks, fetched by their hashes before anything is built.

Nothing of them is run here: pip takes wheels only, which are unpacked and not executed; for a library of which there is
only the source, the archive is taken from the index as it is. They are built later, in a sandbox without a network.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import requests

from fleet_cli.machine import host, paths, steps, temporary
from fleet_cli.machine.cache import Directories, digest
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.sandbox import archives, images, running

CACHE = Directories(paths.CACHE / "services/libraries", limit=20)
"""What was fetched, by the lock."""
_FETCH = """
set -u
mkdir /tmp/fetched
/usr/bin/python3 -m pip download --disable-pip-version-check --no-input --no-cache-dir --progress-bar=off --no-deps \
  --require-hashes --only-binary=:all: --dest=/tmp/fetched --requirement=/requirements.txt >&2 || exit $?
exec tar --create --directory=/tmp/fetched .
"""
_NO_WHEEL = re.compile(r"No matching distribution found for ([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)")
_UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|SSLError")
_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SECONDS = 60


@contextmanager
def fetched(requirements: Path) -> Iterator[Path]:
    """A directory with a wheel or the source of each library of a lock.

    What the index does not have, or has with another hash, is left out: the build says it in the service's own words.

    Raises:
        FleetError: the index can't be reached.
    """
    text = requirements.read_text(encoding="utf-8")
    images.ensure("build")
    recipe = digest(text, images.made_from("build"))

    def fill(new: Path) -> None:
        with steps.step("libraries that requirements.txt locks"):
            _fetch(text, new)

    with CACHE.made(recipe[:20], recipe, fill) as directory:
        yield directory


def _fetch(text: str, new: Path) -> None:
    """Fetch wheels of all, and the source of those that have none."""
    lock = _entries(text)
    without: list[str] = []
    while lock.keys() - set(without):
        with temporary.directory() as scratch:
            file, archive = scratch / "requirements.txt", scratch / "fetched.tar"
            file.write_text("".join(entry for name, entry in lock.items() if name not in without), encoding="utf-8")
            try:
                running.run(
                    "build", ["sh", "-c", _FETCH], reads={file: "/requirements.txt"}, env=host.pip_environment(),
                    archive=archive, network=True,
                )  # fmt: skip
            except CommandFailedError as error:
                lacks = _NO_WHEEL.search(error.output)
                if _UNREACHABLE.search(error.output):
                    raise FleetError(
                        f"{error.output.strip()}\nthe package index could not be reached: check the network and the pip"
                        " configuration"
                    ) from None
                name = _normal(lacks[1]) if lacks else ""
                if name not in lock or name in without:
                    break  # the lock is wrong: what it needs is not all there, and the build says which and why
                without.append(name)
                continue
            archives.unpack(archive, new)
            break
    for name in without:
        _source(name, lock[name], new)
    running.open_to_all(new)


def _entries(text: str) -> dict[str, str]:
    """The lines of each library in a lock, by its name."""
    entries: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if found := _LOCKED.match(line):
            name = _normal(found[1])
            entries[name] = ""
        if name and not line.lstrip().startswith("#"):
            entries[name] += line
    return entries


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _source(name: str, entry: str, new: Path) -> None:
    """Put a library's source, of which the lock has the hash, into a directory, if an index has it."""
    hashes = set(_HASH.findall(entry))
    settings = host.pip_environment()
    indexes = [settings.get("PIP_INDEX_URL", ""), *settings.get("PIP_EXTRA_INDEX_URL", "").split()]
    with requests.Session() as session:
        for index in filter(None, indexes):
            for url, digest in _files(session, f"{index.rstrip('/')}/{name}/"):
                if digest in hashes and url.endswith((".tar.gz", ".zip", ".tar.bz2", ".tgz")):
                    content = _get(session, url)
                    if hashlib.sha256(content).hexdigest() in hashes:
                        (new / url.rpartition("/")[2]).write_bytes(content)
                        return


def _files(session: requests.Session, page: str) -> Iterator[tuple[str, str]]:
    """The files of a page of an index, each with its SHA-256 as the page has it."""
    links = _Links()
    links.feed(_get(session, page).decode("utf-8", "replace"))
    for link in links.found:
        url, fragment = urldefrag(urljoin(page, link))
        yield url, fragment.removeprefix("sha256=")


def _get(session: requests.Session, url: str) -> bytes:
    try:
        answer = session.get(url, timeout=_SECONDS)
        return answer.content if answer.ok else b""
    except requests.RequestException as error:
        raise FleetError(f"{url} could not be fetched: {printable(str(error))}") from None


class _Links(HTMLParser):
    """The addresses of a page's links: an index's simplest form."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of a link."""
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
