"""What a Puppetfile names, fetched from Forges, git repositories and web servers; nothing of it is run here.

A Puppetfile is Ruby, and so are modules. It is evaluated in a sandbox without a network, to learn what it names; then
this file fetches that: releases of a Forge by the digest that the Forge gives for them, tarballs by the Puppetfile's.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from fleet_cli.machine import host, process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.sandbox import running
from fleet_cli.sandbox.limits import Limits

_PROGRAM = Path(__file__).with_name("puppetfile.rb")
_EVALUATING = Limits(memory=2**30, processes=64, seconds=60.0, output=2**20, scratch=2**26)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS = 60
_LARGEST = 500 * 2**20
"""Bytes of a module's archive."""
_GIT = ("-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "core.askPass=true")

Module = tuple[str, Mapping[str, Any]]
"""A module's name and the options that a Puppetfile gives it."""


def named(puppetfile: Path) -> list[Module]:
    """Return what a Puppetfile names, as far as it can be evaluated.

    Raises:
        FleetError: this machine can't make a sandbox, or evaluating it takes too much.
    """
    reads = {puppetfile: "/Puppetfile", _PROGRAM: "/puppetfile.rb"}
    try:
        said = running.run("toolbox", ["ruby", "/puppetfile.rb"], reads=reads, limited=_EVALUATING).stdout
        modules = json.loads(said)
    except (CommandFailedError, ValueError):
        return []  # exit in a Puppetfile, say: r10k says what is wrong
    return [(str(name), options) for name, options in modules if isinstance(options, dict)]


def from_forge(modules: list[Module], url: str, forge: Path) -> None:
    """Fetch the modules of a Forge into a directory that is laid out as the Forge is.

    What the Forge does not have is left out: r10k says so.

    Raises:
        FleetError: the Forge can't be reached, or gives something else than it says.
    """
    forge.mkdir(exist_ok=True)
    with requests.Session() as session:
        session.verify = host.certificates()
        for name, options in modules:
            if _git_url(options) or _kind(options) != "forge":
                continue
            slug = name.replace("/", "-")
            version = options.get("version")
            if not isinstance(version, str) or version == "latest":
                about = _json(session, url, f"v3/modules/{slug}", forge)
                version = str((about.get("current_release") or {}).get("version", ""))
            if version:
                _release(session, url, f"{slug}-{version}", forge)


def _release(session: requests.Session, url: str, release: str, forge: Path) -> None:
    about = _json(session, url, f"v3/releases/{release}", forge)
    path = urlsplit(str(about.get("file_uri", ""))).path.lstrip("/")
    if not path:
        return
    content = _get(session, urljoin(url.rstrip("/") + "/", path))
    if content is None:
        return
    wanted = about.get("file_sha256")
    if wanted and hashlib.sha256(content).hexdigest() != wanted:
        raise FleetError(f"{release}: the archive is another one than {url} says (its SHA-256 differs)")
    _store(forge, path, content)


def _json(session: requests.Session, url: str, path: str, forge: Path) -> dict[str, Any]:
    content = _get(session, urljoin(url.rstrip("/") + "/", path))
    if content is None:
        return {}
    try:
        about = json.loads(content)
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise FleetError(f"{url}: answered something else than a Forge does for {path}")
    _store(forge, path, content)
    return about


def _get(session: requests.Session, url: str) -> bytes | None:
    try:
        with session.get(url, timeout=_SECONDS, stream=True) as answer:
            if answer.status_code == requests.codes.not_found:
                return None
            answer.raise_for_status()
            content = answer.raw.read(_LARGEST + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise FleetError(f"{url} could not be fetched: {printable(str(error))}") from None
    if len(content) > _LARGEST:
        raise FleetError(f"{url} has more than {_LARGEST // 2**20} MiB: no module is that large")
    return bytes(content)


def _store(forge: Path, path: str, content: bytes) -> None:
    target = (forge / path).resolve()
    if not target.is_relative_to((forge / "v3").resolve()):
        raise FleetError(f"{path}: no path of a Forge's version 3")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def from_git(modules: list[Module], directory: Path) -> dict[str, Path]:
    """Fetch a mirror of each git repository that is named, by this user's own git and keys; return them by URL.

    Raises:
        FleetError: one can't be fetched.
    """
    directory.mkdir(exist_ok=True)
    mirrors: dict[str, Path] = {}
    for name, options in modules:
        url = _git_url(options)
        if not url or url in mirrors:
            continue
        mirror = directory / str(len(mirrors))
        with steps.step(f"module {printable(name)} from git"):
            clone = ("clone", "--quiet", "--mirror", "--no-local", "--template=", "--", url, str(mirror))
            try:
                process.run(["git", *_GIT, *clone], env={"GIT_TERMINAL_PROMPT": "0"}, seconds=600.0)
            except CommandFailedError as error:
                raise FleetError(
                    f"Puppetfile: {printable(name)}: git could not fetch {printable(url)}:\n"
                    f"{printable(error.output.strip())}"
                ) from None
        mirrors[url] = mirror
    return mirrors


def from_web(modules: list[Module], directory: Path) -> None:
    """Fetch the modules of type `tarball` into a directory, under the names that r10k's cache has for them.

    Raises:
        FleetError: one can't be fetched, or is another one than the Puppetfile says.
    """
    directory.mkdir(exist_ok=True)
    with requests.Session() as session:
        session.verify = host.certificates()
        for name, options in modules:
            if _kind(options) == "tarball":
                _tarball(session, f"Puppetfile: {printable(name)}", options, directory)


def _tarball(session: requests.Session, module: str, options: Mapping[str, Any], directory: Path) -> None:
    url, wanted = str(options.get("source", "")), str(options.get("checksum") or options.get("version") or "")
    if urlsplit(url).scheme not in ("http", "https"):
        raise FleetError(f"{module}: a tarball's source must be a URL with http:// or https://")
    if wanted and not _SHA256.fullmatch(wanted):
        raise FleetError(f"{module}: a tarball's version is its SHA-256, in lower case")
    content = _get(session, url)
    if content is None:
        raise FleetError(f"{module}: there is nothing at {printable(url)}")
    found = hashlib.sha256(content).hexdigest()
    if wanted and found != wanted:
        raise FleetError(f"{module}: {printable(url)} is another file than the Puppetfile says: its SHA-256 is {found}")
    (directory / f"{wanted or _cached_as(url)}.tar.gz").write_bytes(content)


def _cached_as(url: str) -> str:
    """The name that r10k's cache has for a URL."""
    return re.sub(r"[^@\w.-]", "-", re.sub(r"(\w+://).*@", r"\1", url), flags=re.ASCII)


def require_fetchable(modules: list[Module]) -> None:
    """Refuse modules that can't be had without running their source's own programs.

    Raises:
        FleetError: one comes from Subversion; says what to do.
    """
    for name, options in modules:
        if _kind(options) == "svn":
            raise FleetError(
                f"Puppetfile: {printable(name)} comes from Subversion, which fleet does not fetch: give it a git"
                " repository (git: 'URL') or an archive (type: 'tarball', source: 'URL'), or say where its files are"
                " (--modules DIR)"
            )


def _kind(options: Mapping[str, Any]) -> str:
    return "svn" if options.get("svn") else str(options.get("type", "forge"))


def _git_url(options: Mapping[str, Any]) -> str:
    if options.get("git"):
        return str(options["git"])
    return str(options.get("source", "")) if str(options.get("type")) == "git" else ""
