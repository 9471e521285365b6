"""On which nodes services run: groups, certnames and patterns, as flask_microservice::placement takes them.

Patterns mean what they do in ClusterShell: `app[1-3,7]`, `app[01-10]`, `app[1-9/2]`; `*` stands for any characters.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

_TOKENS = re.compile(r"\*|\[[^\]]*\]|[^*\[]+")
_DIGITS = re.compile(r"[0-9]*")

Range = tuple[str, str, int]
"""The first and the last number as they are written, and the step."""


def matches(pattern: str, certname: str) -> bool:
    """Whether a certname is one that a pattern stands for."""
    if not re.search(r"[*\[]", pattern):
        return pattern == certname
    reached = {0}
    for token in _TOKENS.findall(pattern):
        reached = {end for start in reached for end in _ends(token, certname, start)}
    return len(certname) in reached


def runs(nodes: Iterable[str], groups: Mapping[str, Iterable[str]], certname: str) -> bool:
    """Whether a service that is placed on groups and patterns runs on a node."""
    patterns = [pattern for word in nodes for pattern in groups.get(word, [word])]
    return any(matches(pattern, certname) for pattern in patterns)


def fault(pattern: str, certnames: Iterable[str]) -> str:
    """Why a text can't be a certname or a pattern of some; empty if it can.

    Args:
        certnames: those of the fleet: where they are names of one word, any word may be one.
    """
    for first, last, _ in _ranges(pattern):
        if int(first) > int(last):
            return f"its range {first}-{last} runs backward"
        if _padded(first, last) and len(first) != len(last):
            return f"its range {first}-{last} has a leading zero and numbers of different lengths"
    if not re.search(r"[.*\[]", pattern) and all("." in certname for certname in certnames):
        return "it is neither a group nor a certname"
    return ""


def _ends(token: str, certname: str, start: int) -> Iterable[int]:
    """The places up to which a token matches a certname from a start on."""
    if token == "*":  # noqa: S105 - a token of a pattern
        return range(start, len(certname) + 1)
    if token.startswith("["):
        found = _DIGITS.match(certname, start)
        digits = found.group() if found else ""
        ranges = _ranges(token)
        return [start + length for length in range(1, len(digits) + 1) if _among(digits[:length], ranges)]
    return [start + len(token)] if certname.startswith(token, start) else []


@lru_cache(maxsize=10_000)
def _ranges(pattern: str) -> tuple[Range, ...]:
    """The ranges of all brackets; a single number is its own first and last."""
    found = []
    for listed in re.findall(r"\[([^\]]*)\]", pattern):
        for each in listed.split(","):
            numbers, _, step = each.partition("/")
            first, _, last = numbers.partition("-")
            found.append((first, last or first, int(step or 1)))
    return tuple(found)


def _among(digits: str, ranges: Iterable[Range]) -> bool:
    for first, last, step in ranges:
        alike = len(digits) == len(first) if _padded(first, last) else digits == str(int(digits))
        if alike and int(first) <= int(digits) <= int(last) and (int(digits) - int(first)) % step == 0:
            return True
    return False


def _padded(first: str, last: str) -> bool:
    return any(len(number) > 1 and number.startswith("0") for number in (first, last))
