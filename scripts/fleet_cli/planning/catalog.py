"""A catalog as a plan compares it: what an agent would apply, without any value that is a secret."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet_cli.machine.errors import FleetError

RELATIONSHIPS = ("before", "notify", "require", "subscribe")
_CONTAINERS = ("class", "defined_type", "application", "site")
_REFERENCE = re.compile(r"([A-Z][\w:]*)\[(.*)\]", re.DOTALL)
_FILE_ALIAS = re.compile(r"(?<=.)/+\Z")


@dataclass(frozen=True)
class Hidden:
    """A value that is not to be seen: that it is another one is all that can be told.

    Attributes:
        digest: the same for the same value.
        parts: of a hash, the digest of each value by its keys joined by dots, for where keys are no secrets.
    """

    digest: str
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Resource:
    """A resource of a catalog.

    Attributes:
        kind, title: `File` and `/etc/motd`.
        parameters: what it is to be; a secret is Hidden. Relationships are not among them.
        relationships: the references in each metaparameter of RELATIONSHIPS that it has.
        container: whether it is a class or of a defined type: an agent applies only what is in it.
        declared: `FILE:LINE` of the manifest.
    """

    kind: str
    title: str
    parameters: Mapping[str, Any] = field(hash=False)
    relationships: Mapping[str, tuple[str, ...]] = field(hash=False)
    container: bool
    declared: str

    @property
    def reference(self) -> str:
        """What Puppet calls it: `File[/etc/motd]`."""
        return f"{self.kind}[{self.title}]"


class Catalog:
    """The resources of a node, by their references, and which contains which."""

    def __init__(self, data: Any, origin: str = "catalog") -> None:
        """Read a catalog as Puppet serializes it; `origin` names it in errors.

        Raises:
            FleetError: it is none.
        """
        try:
            self._read(data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FleetError(f"{origin}: no catalog as Puppet writes it: {type(error).__name__}: {error}") from None

    def _read(self, data: Any) -> None:
        edges = [_edge(entry) for entry in data.get("edges", ())]
        self.containers: dict[str, list[str]] = {}
        """The containers of each resource, direct ones only."""
        contained: dict[str, list[str]] = {}
        for outer, inner in edges:
            contained.setdefault(outer, []).append(inner)
            self.containers.setdefault(inner, []).append(outer)
        self.contained: Mapping[str, list[str]] = contained
        """What each container has in it, directly."""
        found = [_resource(entry, contained) for entry in data["resources"]]
        self.resources = {resource.reference: resource for resource in found}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())

    def get(self, reference: str) -> Resource | None:
        """Return a resource, None if there is none."""
        return self.resources.get(reference)

    def of_kind(self, kind: str) -> list[Resource]:
        """Return the resources of a type."""
        return [resource for resource in self if resource.kind == kind]


def _edge(entry: Any) -> tuple[str, str]:
    """A containment: a pair, or as a server writes it."""
    outer, inner = (entry["source"], entry["target"]) if isinstance(entry, Mapping) else entry
    return str(outer), str(inner)


def _resource(entry: Any, contained: Mapping[str, list[str]]) -> Resource:
    kind, title = str(entry["type"]), str(entry["title"])
    secret = set(entry.get("sensitive_parameters") or ())
    own, relationships = {}, {}
    for name, value in (entry.get("parameters") or {}).items():
        if name in RELATIONSHIPS:
            relationships[name] = tuple(sorted(_references(value)))
        else:
            own[name] = hide(value) if name in secret else _without_secrets(value)
    container = (
        entry["kind"] in _CONTAINERS if entry.get("kind") else "::" in kind or f"{kind}[{title}]" in contained
    ) or kind in ("Class", "Node", "Stage")
    declared = f"{entry['file']}:{entry.get('line', '')}" if entry.get("file") else ""
    return Resource(kind, title, own, relationships, container, declared)


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {reference for one in value for reference in _references(one)}
    if isinstance(value, Mapping):  # rich data
        return {f"{value['type']}[{value['title']}]"} if "title" in value else set()
    return {_same(str(value))} if value else set()


def _same(reference: str) -> str:
    """`File[/x/]` is File[/x]."""
    match = _REFERENCE.fullmatch(reference)
    return f"File[{_FILE_ALIAS.sub('', match[2])}]" if match and match[1] == "File" else reference


def hide(value: Any) -> Hidden:
    """Return what may be shown of a secret."""
    parts = tuple((key, _digest(one)) for key, one in leaves(value)) if isinstance(value, Mapping) else ()
    return Hidden(_digest(value), parts)


def _digest(value: Any) -> str:
    return hashlib.sha256(b"fleet plan\0" + json.dumps(value, sort_keys=True).encode()).hexdigest()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values within a hash, each with its keys joined by dots."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, one in sorted(value.items()):
        yield from leaves(one, f"{path}.{key}" if path else str(key))


def _without_secrets(value: Any) -> Any:
    """Values within a value may be secrets of their own."""
    if isinstance(value, Mapping):
        if value.get("__ptype") == "Sensitive":
            return hide(value.get("__pvalue"))
        return {str(key): _without_secrets(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return value
