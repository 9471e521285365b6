"""Globs as Ruby's Dir.glob has them, which is what Hiera gives those of hiera.yaml to."""

import re
from collections.abc import Iterator

_MAGIC = re.compile(r"[*?\[]")
_NEVER = "(?!)"
_NOT_HIDDEN = r"(?!\.)"


def alternatives(pattern: str) -> Iterator[str]:
    """Expand braces, in the order in which Ruby looks for files; nothing, where one is not closed."""
    depth, first = 0, -1
    place = 0
    while place < len(pattern):
        character = pattern[place]
        if character == "\\":
            place += 1
        elif character == "{":
            first = place if depth == 0 else first
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                for choice in _choices(pattern[first + 1 : place]):
                    yield from alternatives(pattern[:first] + choice + pattern[place + 1 :])
                return
        place += 1
    if depth == 0:
        yield pattern


def _choices(inside: str) -> Iterator[str]:
    depth = start = place = 0
    while place < len(inside):
        character = inside[place]
        if character == "\\":
            place += 1
        elif character in "{}":
            depth += 1 if character == "{" else -1
        elif character == "," and depth == 0:
            yield inside[start:place]
            start = place + 1
        place += 1
    yield inside[start:]


def expression(pattern: str, *, lazy: bool = False) -> str:
    """Return the regular expression of the paths that a glob without braces matches.

    A file or directory whose name begins with a dot is matched by a dot that stands there, and by nothing else.

    Args:
        lazy: whether each `*` takes as little as it can, else as much. It matches the same paths: only what groups
            in the pattern take may differ.
    """
    parts = pattern.split("/")
    written = []
    for number, part in enumerate(parts):
        if part == "**" and number < len(parts) - 1:
            written.append(r"(?:[^/.][^/]*/)*" + "?" * lazy)
        else:
            hidden = _NOT_HIDDEN if _MAGIC.match(part) else ""
            written.append(hidden + _component(part, lazy=lazy) + ("/" if number < len(parts) - 1 else ""))
    return "".join(written)


def whole(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of the paths that a glob matches, with all of its braces."""
    return re.compile("|".join(f"(?:{expression(one)})" for one in alternatives(pattern)) or _NEVER)


def _component(part: str, *, lazy: bool) -> str:
    written = []
    place = 0
    while place < len(part):
        character = part[place]
        place += 1
        if character == "*":
            written.append("[^/]*" + "?" * lazy)
        elif character == "?":
            written.append("[^/]")
        elif character == "[":
            kind, place = _set(part, place)
            written.append(kind)
        elif character == "\\" and place < len(part):
            written.append(re.escape(part[place]))
            place += 1
        else:
            written.append(re.escape(character))
    return "".join(written)


def _set(part: str, place: int) -> tuple[str, int]:
    """The characters in brackets that are open at `place`, and where what comes after them begins."""
    others = part[place : place + 1] in ("!", "^")
    place += others
    members = []
    while place < len(part) and part[place] != "]":
        first, place = _member(part, place)
        last = first
        if part[place : place + 1] == "-" and part[place + 1 : place + 2] not in ("", "]"):
            last, place = _member(part, place + 1)
        members += [re.escape(first), re.escape(last)]
        if first < last:
            members.append(f"{re.escape(first)}-{re.escape(last)}")
    if place >= len(part):
        return _NEVER, place
    if others:
        return f"[^/{''.join(members)}]", place + 1
    return f"[{''.join(members)}]" if members else _NEVER, place + 1


def _member(part: str, place: int) -> tuple[str, int]:
    place += part[place] == "\\" and place + 1 < len(part)
    return part[place], place + 1
