"""What files will have in them: from `content`, from a module's files by `source`, or put together from fragments."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from fleet_cli.planning.catalog import Catalog, Hidden, Resource, hide
from fleet_cli.planning.environment import Environment

MODULES = "puppet:///modules/"
FRAGMENT, CONCAT = "Concat_fragment", "Concat_file"
Content = bytes | Hidden


class Contents:
    """The contents of a catalog's files."""

    def __init__(self, catalog: Catalog, environment: Environment | None) -> None:
        """See class; without an environment, as with a catalog from a server, `source` is not followed."""
        self._catalog = catalog
        self._environment = environment

    def of(self, resource: Resource) -> dict[str, Content]:
        """Return the content of each file that a resource brings, by its path below the resource's; "" is itself.

        What Puppet is not to show (`show_diff => false`) is not shown here either.
        """
        found = self._found(resource)
        if resource.parameters.get("show_diff") is False:
            return {path: _hidden(content) for path, content in found.items()}
        return found

    def _found(self, resource: Resource) -> dict[str, Content]:
        if resource.kind == CONCAT:
            return {"": self._concat(resource)}
        if resource.kind not in ("File", FRAGMENT) or resource.parameters.get("ensure") in ("absent", "link"):
            return {}
        own = resource.parameters.get("content")
        if own is not None:
            return {"": _bytes(own)}
        for source in _list(resource.parameters.get("source")):
            found = dict(self._source(str(source), resource))
            if found:
                return found
        return {}

    def _source(self, source: str, resource: Resource) -> Iterator[tuple[str, Content]]:
        if not source.startswith(MODULES) or self._environment is None:
            return
        module, _, path = source.removeprefix(MODULES).partition("/")
        place = f"{self._environment.modules.get(module, '')}/files/{path}".rstrip("/")
        if place in self._environment.files:
            yield "", self._environment.read(place)
        elif resource.parameters.get("recurse"):
            ignored = [str(pattern) for pattern in _list(resource.parameters.get("ignore"))]
            for name in self._environment.below(place):
                inner = name.removeprefix(f"{place}/")
                if not any(_matches(pattern, part) for pattern in ignored for part in inner.split("/")):
                    yield inner, self._environment.read(name)

    @cached_property
    def _fragments(self) -> Mapping[str, dict[str, Resource]]:
        """The fragments by what says which file they belong to: its path or title, or a tag."""
        found: dict[str, dict[str, Resource]] = {}
        for fragment in self._catalog.of_kind(FRAGMENT):
            for name in ("target", "tag"):
                for value in _list(fragment.parameters.get(name)):
                    found.setdefault(str(value), {})[fragment.title] = fragment
        return found

    @cached_property
    def joined(self) -> set[str]:
        """The references of the fragments that are part of a file of the catalog."""
        files = self._catalog.of_kind(CONCAT)
        return {fragment.reference for one in files for fragment in self._parts(one).values()}

    def _parts(self, resource: Resource) -> dict[str, Resource]:
        """The fragments of a file, by their titles."""
        parameters = resource.parameters
        names = {resource.title, *(str(parameters[name]) for name in ("path", "tag") if parameters.get(name))}
        return {title: one for name in names for title, one in self._fragments.get(name, {}).items()}

    def _concat(self, resource: Resource) -> Content:
        parameters = resource.parameters
        fragments = self._parts(resource)
        numeric = parameters.get("order") == "numeric"
        parts: list[Content] = []
        for fragment in sorted(fragments.values(), key=lambda one: _place(one, numeric)):
            content = fragment.parameters.get("content")
            if content is not None:
                parts.append(_bytes(content))
            for source in _list(fragment.parameters.get("source")):
                parts.extend(text for _, text in self._source(str(source), fragment))
        if any(isinstance(part, Hidden) for part in parts):
            return hide([_hidden(part).digest for part in parts])
        newline = b"\n" if parameters.get("ensure_newline") else b""
        return b"".join(
            part + (newline if newline and not part.endswith(newline) else b"")
            for part in parts
            if isinstance(part, bytes)
        )


def _place(fragment: Resource, numeric: bool) -> tuple[Any, ...]:
    """The order of fragments, as the type concat_file sorts them."""
    order = str(fragment.parameters.get("order", "10"))
    if numeric and order.isdigit():
        return (int(order), "", fragment.title)
    return (0, order, fragment.title)


def _hidden(content: Content) -> Hidden:
    return content if isinstance(content, Hidden) else hide(content.hex())


def _bytes(content: Any) -> Content:
    if isinstance(content, Hidden):
        return content
    if isinstance(content, Mapping):  # a Deferred, say: what it comes to, only the node knows
        secrets = list(_secrets(content))
        text = json.dumps(content, sort_keys=True, default=lambda hidden: hidden.digest)
        return hide(text) if secrets else f"{text}\n".encode()
    return str(content).encode("utf-8", "surrogatepass")


def _secrets(value: Any) -> Iterator[Hidden]:
    if isinstance(value, Hidden):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _secrets(one)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name) is not None
