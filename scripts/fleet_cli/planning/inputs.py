"""What a catalog is made from: the compiler says what it asked for, and this says what that is in an environment.

An input is a name such as `file:hieradata/common.yaml`; its value in an environment is a digest, or says that there is
no such thing. A catalog holds in every environment where its inputs have the same values. So nothing has to know which
change concerns which node.
"""

import hashlib
import posixpath
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fleet_cli.planning.environment import Environment

_TYPE = re.compile(r"\b[A-Z]\w*(?:::[A-Z]\w*)*")
_ALWAYS = ("file:environment.conf", "file:hiera.yaml", "manifests:", "modules:", "plugins:")
_THIS_CALL = secrets.token_hex(8)
"""What no catalog of another call has among its inputs."""
_CODE = (".pp", ".epp")


def of(asked: Mapping[str, Any], environment: Environment) -> list[str]:
    """Return the inputs of a compilation.

    Args:
        asked: what the compiler noted (`inputs` of its answer, see compiling/inputs.rb).
        environment: where it compiled.
    """
    return sorted({*_ALWAYS, *_Finder(environment).found(asked)})


def values(names: Iterable[str], environment: Environment, exports: Callable[[str], str]) -> dict[str, str]:
    """Return the value of each input in an environment.

    Args:
        names: the inputs.
        environment: where.
        exports: the digest of what other nodes export there of a type.
    """
    return {name: value(name, environment, exports) for name in names}


def value(name: str, environment: Environment, exports: Callable[[str], str]) -> str:
    """Return the value of one input; see values."""
    kind, _, what = name.partition(":")
    if kind == "file":
        return environment.digest(what)
    if kind == "exports":
        return exports(what)
    if kind == "clock":
        return _THIS_CALL  # both sides of a plan are compiled at the same time
    if kind == "everything":
        return f"{environment.name} {_THIS_CALL}"
    return _of_many(kind, what, environment)


def _of_many(kind: str, what: str, environment: Environment) -> str:
    known = environment.memory.get((kind, what))
    if known is None:
        if kind == "under":
            names = environment.below(environment.links.real(what) or what)
        elif kind == "manifests":
            names = _manifests(environment)
        elif kind == "fetched":
            names = list(environment.fetched.files) if environment.fetched else []
        elif kind == "glob":
            names = environment.matching(posixpath.normpath(what))
        elif kind == "modules":
            known = _digest(f"{name} {directory}" for name, directory in sorted(environment.modules.items()))
        elif kind == "plugins":
            names = _plugins(environment)
        else:
            raise ValueError(f"an input of the unknown kind {kind}")
        if known is None:
            known = _digest(f"{name} {environment.digest(name)}" for name in names)
        environment.memory[kind, what] = known
    return known


def _manifests(environment: Environment) -> list[str]:
    """The files that every catalog begins with: one, or all in a directory."""
    manifest = environment.conf.manifest
    if manifest is None:
        return []
    return [manifest] if manifest in environment.files else environment.below(manifest)


def _plugins(environment: Environment) -> list[str]:
    """The Ruby that a compilation may load. Facts are made on nodes, never here."""
    libraries = ["lib", *(f"{directory}/lib" for directory in sorted(environment.modules.values()))]
    return [
        name
        for library in libraries
        for name in environment.below(library)
        if not name.startswith(f"{library}/facter/")
    ]


def plugins(environment: Environment) -> str:
    """The digest of the Ruby that compilations load: a process is good for one state of it."""
    return _of_many("plugins", "", environment)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


class _Finder:
    """Goes from names in code to files; a file that is not there is an input, too."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def found(self, asked: Mapping[str, Any]) -> Iterator[str]:
        paths = asked["paths"]
        yield from (f"file:{path}" for path in paths)
        yield from (f"glob:{glob}" for glob in asked["globs"])
        yield from (f"under:{directory}" for directory in asked["listed"])
        yield from (f"{kind}:" for kind in asked["whole"])
        yield from (f"exports:{kind}" for kind in asked["collected"])
        files = {
            *(path for path in paths if path.endswith(_CODE)),
            *self._manifests(asked["names"]),
            *self._below_modules(asked["functions"], "functions"),
            *self._module_files(asked["files"]),
        }
        files |= self._types(files, asked["types"])
        yield from (f"file:{path}" for path in files)
        for module in {module for name in asked["keys"] if (module := self._module(name.split("::")[0]))}:
            yield f"file:{module}/hiera.yaml"
            yield f"under:{module}/data"

    def _module(self, name: str) -> str:
        return self._environment.modules.get(name, "")

    def _manifests(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            first, *rest = name.split("::")
            module = self._module(first)
            if module:
                yield f"{module}/manifests/init.pp"
                yield from (f"{module}/manifests/{'/'.join(rest[: end + 1])}.pp" for end in range(len(rest)))

    def _below_modules(self, names: Iterable[str], kind: str) -> Iterator[str]:
        for name in names:
            first, *rest = name.lower().removeprefix("::").split("::")
            place = "" if first == "environment" else self._module(first)
            if place or first == "environment":
                yield f"{place}/{kind}/{'/'.join(rest) or 'init'}.pp".removeprefix("/")

    def _module_files(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            kind, _, file = name.partition(":")
            first, _, rest = file.partition("/")
            if self._module(first):
                yield f"{self._module(first)}/{kind}/{rest}"

    def _types(self, files: Iterable[str], named: Iterable[str]) -> set[str]:
        """Files of type aliases that code names, or that those name: an alias is asked for only once."""
        found: set[str] = set()
        waiting = {*self._below_modules(named, "types")}
        for file in files:
            waiting |= self._types_in(file)
        while waiting:
            file = waiting.pop()
            if file not in found:
                found.add(file)
                waiting |= self._types_in(file)
        return found

    def _types_in(self, file: str) -> set[str]:
        if not file.endswith(_CODE) or file not in self._environment.files:
            return set()
        known = self._environment.memory.get(("types in", file))
        if known is None:
            text = self._environment.read(file).decode("utf-8", "replace")
            known = set(self._below_modules(_TYPE.findall(text), "types"))
            self._environment.memory["types in", file] = known
        return set(known)
