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
_PIP = """\
/usr/bin/python3 -m pip download --disable-pip-version-check --no-input --no-cache-dir --progress-bar=off --no-deps \
  --require-hashes --only-binary=:all: --dest=/tmp/fetched --requirement=/requirements.txt"""
_FETCH = f"mkdir /tmp/fetched; {_PIP} >&2 && exec tar --create --directory=/tmp/fetched ."
_PAGE = re.compile(r"\(from (https?://[^\s()]+)")
_NO_WHEEL = re.compile(r"No matching distribution found for ([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)")
_UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|SSLError")
_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SECONDS = 60


@contextmanager
def fetched(requirements: Path) -> Iterator[Path]:
    """A directory with a wheel or the source of each library of a lock.

    A library of which an index has neither is left out: the build says it in the service's own words.

    Raises:
        FleetError: the index can't be reached, or has something else than was locked.
    """
    text = requirements.read_text(encoding="utf-8")
    images.ensure("build")
    recipe = digest(text, images.made_from("build"))
    missing: list[str] = []

    def fill(new: Path) -> None:
        with steps.step("libraries that requirements.txt locks"):
            missing.extend(_fetch(text, new))

    try:
        with CACHE.made(recipe[:20], recipe, fill) as directory:
            yield directory
    finally:
        if missing:  # an index may have it the next time
            CACHE.remove(CACHE.directory / recipe[:20])


def _fetch(text: str, new: Path) -> list[str]:
    """Fetch wheels of all, and the source of those that have none; return the names of what could not be found."""
    lock = _entries(text)
    without: list[str] = []
    while lock.keys() - set(without):
        lacks = _wheels("".join(entry for name, entry in lock.items() if name not in without), new)
        if not lacks:
            break
        if _normal(lacks) not in lock or _normal(lacks) in without:
            raise FleetError(f"requirements.txt: pip looks for {printable(lacks)}, which has no line there: lock anew")
        without.append(_normal(lacks))
    missing = [name for name in without if not _source(lock[name], new)]
    running.open_to_all(new)
    return missing


def _wheels(text: str, new: Path) -> str:
    """Put the wheels of a lock into a directory; return the name of a library that has none, and then nothing is put.

    Raises:
        FleetError: the index can't be reached, or has something else than was locked.
    """
    with temporary.directory() as scratch:
        file, archive = scratch / "requirements.txt", scratch / "fetched.tar"
        file.write_text(text, encoding="utf-8")
        try:
            running.run(
                "build", ["sh", "-c", _FETCH], reads={file: "/requirements.txt"}, env=host.pip_environment(),
                archive=archive, network=True,
            )  # fmt: skip
        except CommandFailedError as error:
            if _UNREACHABLE.search(error.output):
                hint = "the package index could not be reached: check the network and the pip configuration"
            elif lacks := _NO_WHEEL.search(error.output):
                return lacks[1]
            elif "DO NOT MATCH THE HASHES" in error.output:
                hint = "the package index has something else than was locked: find out who changed it"
            else:
                hint = "pip does not take requirements.txt"
            raise FleetError(f"{error.output.strip()}\n{hint}") from None
        archives.unpack(archive, new)
    return ""


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


def _source(entry: str, new: Path) -> bool:
    """Put a library's source, of which the lock has the hash, into a directory; return whether an index has it."""
    hashes = set(_HASH.findall(entry))
    with requests.Session() as session:
        session.verify = host.certificates()
        for page in _pages(entry):
            for url, said in _files(session, page):
                if said in hashes and url.endswith((".tar.gz", ".zip", ".tar.bz2", ".tgz")):
                    content = _get(session, url)
                    if hashlib.sha256(content).hexdigest() in hashes:
                        (new / url.rpartition("/")[2]).write_bytes(content)
                        return True
    return False


def _pages(entry: str) -> list[str]:
    """Where pip looks for a library: it alone knows all ways in which it can be told of indexes."""
    with temporary.directory() as scratch:
        file = scratch / "requirements.txt"
        file.write_text(entry, encoding="utf-8")
        result = running.run(
            "build", ["sh", "-c", f"{_PIP} -vv"], reads={file: "/requirements.txt"}, env=host.pip_environment(),
            check=False, network=True,
        )  # fmt: skip
    return list(dict.fromkeys(_PAGE.findall(result.stdout + result.stderr)))


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
