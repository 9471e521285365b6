"""What differs between two catalogs of one node."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from fleet_cli.planning.catalog import Catalog, Hidden, Resource
from fleet_cli.planning.contents import FRAGMENT, Content, Contents
from fleet_cli.repository.debian_versions import is_older

CONTEXT_LINES = 2
MAX_DIFF_LINES = 5_000
HIDDEN = "(not shown: secret)"
_IN_CONTENT = {"content", "source", "checksum_value"}
_OF_A_FILE = {*_IN_CONTENT, "checksum", "group", "mode", "owner", "seltype", "show_diff", "validate_cmd"}


@dataclass(frozen=True)
class Parameter:
    """A parameter with another value.

    Attributes:
        name: of the parameter; for a file below a directory that is copied whole, its path.
        old, new: the values, as JSON; empty where there is none. A secret's value is HIDDEN.
        diff: for text, what differs, line by line.
        direction: `up` or `down` for a version.
    """

    name: str
    old: str = ""
    new: str = ""
    diff: tuple[str, ...] = ()
    direction: str = ""


@dataclass(frozen=True)
class ResourceChange:
    """A resource that is added, removed or changed.

    Attributes:
        action: `add`, `remove` or `change`.
        declared: `FILE:LINE` of the manifest, of the head where it is there.
        follows: the reference of a package whose version is the only thing that differs in this file.
    """

    action: str
    reference: str
    parameters: tuple[Parameter, ...]
    declared: str = ""
    follows: str = ""


def compare(old: Catalog, new: Catalog, old_contents: Contents, new_contents: Contents) -> list[ResourceChange]:
    """Return what an agent would find changed, by reference."""
    found = []
    for reference in sorted({*old.resources, *new.resources}):
        was, now = old.get(reference), new.get(reference)
        if (now or was or _NOTHING).container:
            continue
        if all(one is None or _is_joined(one, where) for one, where in ((was, old_contents), (now, new_contents))):
            continue  # the file that it is part of says it
        change = _changed(was, now, old_contents, new_contents)
        if change:
            found.append(change)
    return _following(found)


def _is_joined(resource: Resource, contents: Contents) -> bool:
    return resource.kind == FRAGMENT and resource.reference in contents.joined


_NOTHING = Resource("Nothing", "", {}, {}, True, "")


def _changed(
    was: Resource | None, now: Resource | None, old_contents: Contents, new_contents: Contents
) -> ResourceChange | None:
    before = dict(was.parameters) if was else {}
    after = dict(now.parameters) if now else {}
    files_before = old_contents.of(was) if was else {}
    files_after = new_contents.of(now) if now else {}
    known = _IN_CONTENT if files_before or files_after else set()
    if was and now and _gone(was) and _gone(now):
        known = _OF_A_FILE
    parameters = [
        _parameter(was or now or _NOTHING, name, before.get(name), after.get(name))
        for name in sorted({*before, *after} - known)
        if before.get(name) != after.get(name)
    ]
    parameters += _contents(files_before, files_after)
    if was and now and not parameters:
        return None
    resource = now or was or _NOTHING
    action = "change" if was and now else "add" if now else "remove"
    return ResourceChange(action, resource.reference, tuple(parameters), resource.declared)


def without_context(change: ResourceChange) -> ResourceChange:
    """Return a change as it is on other nodes, too, whose files differ elsewhere: the changed lines alone."""
    if change.action != "change" or not any(parameter.diff for parameter in change.parameters):
        return change
    parameters = [
        replace(one, old="", new="", diff=tuple(line for line in one.diff if line[:1] not in (" ", "@")))
        if one.diff
        else one
        for one in change.parameters
    ]
    return replace(change, parameters=tuple(parameters))


def _gone(resource: Resource) -> bool:
    """Whether a file is not to be there: then nothing else that is said of it matters."""
    return resource.kind == "File" and resource.parameters.get("ensure") == "absent"


def _parameter(resource: Resource, name: str, old: Any, new: Any) -> Parameter:
    if isinstance(old, Hidden) or isinstance(new, Hidden):
        # What is a secret on one side may be the same value in the open on the other.
        return Parameter(name, HIDDEN if old is not None else "", HIDDEN if new is not None else "")
    direction = ""
    if resource.kind == "Package" and name == "ensure" and isinstance(old, str) and isinstance(new, str):
        direction = _direction(old, new)
    return Parameter(name, _shown(old), _shown(new), direction=direction)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Hidden):
        return HIDDEN
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=lambda _: HIDDEN)


@lru_cache(maxsize=1000)
def _direction(old: str, new: str) -> str:
    """Whether a version of Debian is newer than another; nothing where one of them is no version (`installed`)."""
    if not (old[:1].isdigit() and new[:1].isdigit()):
        return ""
    return "up" if is_older(old, new) else "down"


def _contents(before: dict[str, Content], after: dict[str, Content]) -> Iterator[Parameter]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        name = path or "content"
        if isinstance(old, Hidden) or isinstance(new, Hidden):
            yield Parameter(name, HIDDEN if old is not None else "", HIDDEN if new is not None else "")
        else:
            yield Parameter(name, _size(old), _size(new), text_diff(old or b"", new or b""))


def _size(content: bytes | None) -> str:
    return "" if content is None else f"{len(content)} bytes"


@lru_cache(maxsize=500)
def text_diff(old: bytes, new: bytes) -> tuple[str, ...]:
    """What differs between texts, without file names; a note where that is no text, or too much of it."""
    try:
        texts = [content.decode("utf-8") for content in (old, new)]
    except UnicodeDecodeError:
        return ("(no text)",)
    if b"\0" in old + new:
        return ("(no text)",)
    lines = [text.splitlines() for text in texts]
    if max(len(one) for one in lines) > MAX_DIFF_LINES:
        return (f"({len(lines[0])} lines, {len(lines[1])} lines now: too many to compare)",)
    found = list(difflib.unified_diff(lines[0], lines[1], lineterm="", n=CONTEXT_LINES))[2:]
    return tuple(found) or ("(white space at the ends of lines)",)


def _following(changes: list[ResourceChange]) -> list[ResourceChange]:
    """Mark the files in which nothing differs but a version that a package changes to."""
    packages = {
        change.reference: (json.loads(parameter.old), json.loads(parameter.new))
        for change in changes
        for parameter in change.parameters
        if parameter.direction and change.action == "change"
    }
    return [replace(change, follows=_followed(change, packages)) for change in changes]


def _followed(change: ResourceChange, packages: dict[str, tuple[str, str]]) -> str:
    if change.action != "change" or [parameter.name for parameter in change.parameters] != ["content"]:
        return ""
    lines = [line for line in change.parameters[0].diff if not line.startswith(("@@", " "))]
    removed = [line[1:] for line in lines if line.startswith("-")]
    added = [line[1:] for line in lines if line.startswith("+")]
    for reference, (old, new) in packages.items():
        if removed and [line.replace(old, new) for line in removed] == added:
            return reference
    return ""
