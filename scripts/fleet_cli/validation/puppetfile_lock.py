"""Puppetfile.lock: librarian-puppet, where it installs modules, goes by the exact versions in it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fleet_cli.validation.puppetfile import Module, Puppetfile, Token

NAME = "Puppetfile.lock"
_CONFIG = ".librarian/puppet/config"
_HEAD = re.compile(r"[A-Z]+$")
_SETTING = re.compile(r"  (?P<name>\w+): (?P<value>.*)$")
_SPEC = re.compile(r"    (?P<slug>[\w/-]+) \((?P<version>[^)\s]+)\)$")
_MODULEDIR = re.compile(r"^LIBRARIAN_PUPPET_PATH:\s*['\"]?(?P<path>[^'\"\s]+)", re.MULTILINE)


@dataclass(frozen=True)
class Locked:
    """The modules that are installed, by slug.

    Attributes:
        versions: the version of each.
        commits: the commit of each that is from git.
    """

    versions: Mapping[str, str]
    commits: Mapping[str, str]


def with_lock(puppetfile: Puppetfile, repo: Path) -> Puppetfile:
    """Return a Puppetfile with the versions of its lock; as it is where the repository has none."""
    try:
        locked = read((repo / NAME).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return puppetfile
    modules = [_pinned(module, locked) for module in puppetfile.modules]
    named = {module.name for module in modules}
    needed = {}
    for slug, version in locked.versions.items():
        module = Module(slug, 1, 1, Token("text", version, 1, 1), _commit(slug, locked, 1))
        if module.name not in named:
            needed[module.name] = module
    moduledir = puppetfile.moduledir if puppetfile.says_moduledir else _moduledir(repo) or puppetfile.moduledir
    return replace(puppetfile, modules=[*modules, *needed.values()], moduledir=moduledir, is_locked=True)


def read(text: str) -> Locked:
    """Read the text of a lock."""
    blocks = list(_blocks(text))
    versions = {slug: version for _, specs in blocks for slug, version in specs}
    return Locked(versions, {slug: said["sha"] for said, specs in blocks if "sha" in said for slug, _ in specs})


def _blocks(text: str) -> Iterator[tuple[dict[str, str], list[tuple[str, str]]]]:
    """The settings and the modules of each source."""
    settings: dict[str, str] = {}
    specs: list[tuple[str, str]] = []
    for line in [*text.splitlines(), "END"]:
        if _HEAD.match(line):
            yield settings, specs
            settings, specs = {}, []
        elif found := _SETTING.match(line):
            settings[found["name"]] = found["value"]
        elif found := _SPEC.match(line):
            specs.append((found["slug"].replace("/", "-"), found["version"]))


def _pinned(module: Module, locked: Locked) -> Module:
    version = locked.versions.get(module.slug)
    if version is None or module.pin or module.is_local:
        return module
    if not module.is_from_elsewhere:
        return replace(module, version=Token("text", version, module.line, module.column))
    kept = {name: token for name, token in module.options.items() if name not in ("branch", "ref", "tag")}
    return replace(module, options={**kept, **_commit(module.slug, locked, module.line)})


def _commit(slug: str, locked: Locked, line: int) -> dict[str, Token]:
    commit = locked.commits.get(slug)
    return {"commit": Token("text", commit, line, 1)} if commit else {}


def _moduledir(repo: Path) -> str:
    """Where librarian-puppet puts modules; empty if nothing says so."""
    try:
        found = _MODULEDIR.search((repo / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return found["path"].removeprefix("./").rstrip("/") if found else ""
