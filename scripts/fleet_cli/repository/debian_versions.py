"""The order of Debian packages' versions, as deb-version(7) has it: dpkg is not everywhere where plans are made."""

import re

_END = ((0,), 0)
_PAIR = re.compile(r"([^0-9]*)([0-9]*)")


def is_older(one: str, other: str) -> bool:
    """Whether a version comes before another."""
    return _key(one) < _key(other)


def _key(version: str) -> tuple[object, ...]:
    epoch, _, rest = version.rpartition(":")
    upstream, dash, revision = rest.rpartition("-")
    return int(epoch) if epoch.isdigit() else 0, _parts(upstream if dash else rest), _parts(revision if dash else "")


def _parts(text: str) -> list[tuple[tuple[int, ...], int]]:
    """Text and number in turn. A tilde comes before the end, letters before all other characters."""
    pairs = [(letters, int(number or 0)) for letters, number in _PAIR.findall(text or "0") if letters or number]
    return [*((tuple(_order(letter) for letter in (*letters, "")), number) for letters, number in pairs), _END]


def _order(letter: str) -> int:
    if not letter:
        return 0
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256
