"""What a Puppetfile names, fetched from Forges, git repositories and web servers; nothing of it is run here.

A Puppetfile is Ruby, and so are modules. It is evaluated in a sandbox without a network, to learn what it names; then
this file fetches that: releases of a Forge by the digest that the Forge gives for them, tarballs by the Puppetfile's.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from fleet_cli.machine import host, process, steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.sandbox import running
from fleet_cli.sandbox.limits import Limits

if TYPE_CHECKING:
    import requests

_PROGRAM = Path(__file__).with_name("puppetfile.rb")
_EVALUATING = Limits(memory=2**30, processes=64, seconds=60.0, output=2**20, scratch=2**26)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS = 60
_CONNECT_SECONDS = 10
_LARGEST = 500 * 2**20
"""Bytes of a module's archive."""
_GIT = ("-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "core.askPass=true")


class UnreachableError(FleetError):
    """Something could not be fetched: from where, and why."""


@dataclass(frozen=True)
class Module:
    """A module that a Puppetfile names.

    Attributes:
        name: as it is written there.
        directory: where r10k puts it, in the control repository.
        options: what else is said of it.
    """

    name: str
    directory: str
    options: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """Its name on a Forge."""
        return self.name.replace("/", "-")

    @property
    def kind(self) -> str:
        """Where it comes from: `forge`, `git`, `tarball` or `svn`."""
        if self.git_url:
            return "git"
        return "svn" if self.options.get("svn") else str(self.options.get("type", "forge"))

    @property
    def git_url(self) -> str:
        """The git repository that has it; empty where it is a Forge's."""
        if self.options.get("git"):
            return str(self.options["git"])
        return str(self.options.get("source", "")) if str(self.options.get("type")) == "git" else ""


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
    return [
        Module(str(name), posixpath.normpath(directory), options)
        for name, directory, options in modules
        if isinstance(options, dict)
    ]


def from_forge(modules: list[Module], url: str, forge: Path) -> dict[str, str]:
    """Fetch the modules of a Forge into a directory that is laid out as the Forge is.

    What the Forge does not have is left out. Returns the modules that it could not be asked for, and why.

    Raises:
        FleetError: the Forge gives something else than it says.
    """
    import requests  # noqa: PLC0415 - takes longer to load than most plans and checks, which fetch nothing

    forge.mkdir(exist_ok=True)
    wanted = [module for module in modules if module.kind == "forge"]
    with requests.Session() as session:
        session.verify = host.certificates()
        for number, module in enumerate(wanted):
            try:
                _from_forge(session, module, url, forge)
            except UnreachableError as error:  # nor would it be for the others
                return {one.name: str(error) for one in wanted[number:]}
    return {}


def _from_forge(session: requests.Session, module: Module, url: str, forge: Path) -> None:
    version = module.options.get("version")
    if not isinstance(version, str) or version == "latest":
        about = _json(session, url, f"v3/modules/{module.slug}", forge)
        version = str((about.get("current_release") or {}).get("version", ""))
    if version:
        _release(session, url, f"{module.slug}-{version}", forge)


def not_in_forge(modules: list[Module], forge: Path, where: str, advice: str = "") -> dict[str, str]:
    """Return those of a Forge that are not in its directory here, and why.

    Args:
        where: whose directory that is.
        advice: what to do about it.
    """
    missing = {}
    for module in modules:
        version = module.options.get("version")
        exact = isinstance(version, str) and version != "latest"
        about = f"releases/{module.slug}-{version}" if exact else f"modules/{module.slug}"
        if module.kind == "forge" and not (forge / "v3" / about).exists():
            # Of many modules, a line for all: the Puppetfile has the versions.
            missing[module.name] = f"not in {where}{', in the release that is pinned' if exact else ''}{advice}"
    return missing


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
    import requests  # noqa: PLC0415 - loaded by whoever has a session

    try:
        with session.get(url, timeout=_SECONDS, stream=True) as answer:
            if answer.status_code == requests.codes.not_found:
                return None
            answer.raise_for_status()
            content = answer.raw.read(_LARGEST + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise UnreachableError(f"{url} could not be fetched: {printable(str(error))}") from None
    if len(content) > _LARGEST:
        raise FleetError(f"{url} has more than {_LARGEST // 2**20} MiB: no module is that large")
    return bytes(content)


def _store(forge: Path, path: str, content: bytes) -> None:
    target = (forge / path).resolve()
    if not target.is_relative_to((forge / "v3").resolve()):
        raise FleetError(f"{path}: no path of a Forge's version 3")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def from_git(modules: list[Module], directory: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Fetch a mirror of each git repository that is named, by this user's own git and keys.

    Returns the mirrors by URL, and the modules that could not be fetched with what git said.
    """
    directory.mkdir(exist_ok=True)
    mirrors: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for module in modules:
        url = module.git_url
        if not url:
            continue
        why = _why_unreachable(url)
        if not why and url not in mirrors:
            mirror = directory / str(len(mirrors))
            with steps.step(f"module {printable(module.name)} from git"):
                why = _clone(url, mirror)
            if not why:
                mirrors[url] = mirror
        why = why or _lacks(mirrors[url], module)
        if why:
            missing[module.name] = f"git could not fetch {printable(url)}: {why}"
    return mirrors, missing


def _clone(url: str, mirror: Path) -> str:
    clone = ("clone", "--quiet", "--mirror", "--no-local", "--template=", "--", url, str(mirror))
    try:
        process.run(["git", *_GIT, *clone], env={"GIT_TERMINAL_PROMPT": "0"}, seconds=600.0)
    except CommandFailedError as error:
        said = [line for line in error.output.splitlines() if line.strip() and not line.lower().startswith("warning:")]
        return printable(said[0] if said else "without a word")  # what follows is advice
    return ""


def _lacks(mirror: Path, module: Module) -> str:
    """Say that a mirror has not what the Puppetfile pins; nothing if it has."""
    for name in ("commit", "tag", "ref"):
        pin = module.options.get(name)
        if isinstance(pin, str):
            asked = [
                "git",
                "-C",
                str(mirror),
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                f"{pin}^{{commit}}",
            ]
            if process.run(asked, check=False).returncode != 0:
                return f"it has no {name} {printable(pin)}"
    return ""


@cache
def _why_unreachable(url: str) -> str:
    """Say why the server of a URL can't be reached, within seconds: git itself would wait for minutes, for each module.

    Nothing is said of one that only git knows how to reach, by ssh or through a proxy.
    """
    # As the user's configuration of git has it: `url.….insteadOf` may lead elsewhere.
    meant = urlsplit(process.run(["git", "ls-remote", "--get-url", "--", url], check=False).stdout.strip() or url)
    port = {"https": 443, "http": 80, "git": 9418}.get(meant.scheme)
    if port is None or not meant.hostname or urllib.request.getproxies():
        return ""
    return _why_no_connection(meant.hostname, meant.port or port)


@cache
def _why_no_connection(name: str, port: int) -> str:
    try:
        with socket.create_connection((name, port), timeout=_CONNECT_SECONDS):
            return ""
    except OSError as error:
        return f"{printable(name)} can't be reached: {error.strerror or error}"


def from_web(modules: list[Module], directory: Path) -> dict[str, str]:
    """Fetch the modules of type `tarball` into a directory, under the names that r10k's cache has for them.

    Returns those that are not there, and why.

    Raises:
        FleetError: one is another file than the Puppetfile says, or what that says is no source and no version.
    """
    import requests  # noqa: PLC0415 - as above

    missing: dict[str, str] = {}
    directory.mkdir(exist_ok=True)
    with requests.Session() as session:
        session.verify = host.certificates()
        for module in modules:
            if module.kind == "tarball" and (why := _tarball(session, module, directory)):
                missing[module.name] = why
    return missing


def _tarball(session: requests.Session, which: Module, directory: Path) -> str:
    """Fetch a module; say why it could not be."""
    module, options = f"Puppetfile: {printable(which.name)}", which.options
    url, wanted = str(options.get("source", "")), str(options.get("checksum") or options.get("version") or "")
    if urlsplit(url).scheme not in ("http", "https"):
        raise FleetError(f"{module}: a tarball's source must be a URL with http:// or https://")
    if wanted and not _SHA256.fullmatch(wanted):
        raise FleetError(f"{module}: a tarball's version is its SHA-256, in lower case")
    try:
        content = _get(session, url)
    except UnreachableError as error:
        return str(error)
    if content is None:
        return f"there is nothing at {printable(url)}"
    found = hashlib.sha256(content).hexdigest()
    if wanted and found != wanted:
        raise FleetError(f"{module}: {printable(url)} is another file than the Puppetfile says: its SHA-256 is {found}")
    (directory / f"{wanted or _cached_as(url)}.tar.gz").write_bytes(content)
    return ""


def _cached_as(url: str) -> str:
    """The name that r10k's cache has for a URL."""
    return re.sub(r"[^@\w.-]", "-", re.sub(r"(\w+://).*@", r"\1", url), flags=re.ASCII)


def from_subversion(modules: list[Module]) -> dict[str, str]:
    """Return the modules that Subversion has, and what to do: they can't be had without running its programs."""
    what_to_do = (
        "it comes from Subversion, which fleet does not fetch: give it a git repository (git: 'URL') or an archive"
        " (type: 'tarball', source: 'URL'), or say where its files are (--modules DIR)"
    )
    return {module.name: what_to_do for module in modules if module.kind == "svn"}
