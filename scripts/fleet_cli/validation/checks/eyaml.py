"""Encrypted values: whether each is whole, and whose it is, as far as that can be told without a key."""

import base64
import binascii
import re
from collections.abc import Iterator
from functools import cache

from fleet_cli.repository.documents import Node
from fleet_cli.validation.problem import Problem

_BLOCK = re.compile(r"ENC\[(?:(?P<method>\w+),)?(?P<text>[^\]]*)(?P<end>\]?)")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
"""The object identifier 1.2.840.113549.1.7.3 of an enveloped PKCS#7 message (RFC 5652, 6), in DER."""

_MAX_DEPTH = 30
_SET = 0x31
_COMMON_NAME, _UNIT = bytes.fromhex("550403"), bytes.fromhex("55040b")
"""2.5.4.3 and 2.5.4.11 in DER: in the subject of the certificate of a key, what it is for, and for which tier."""
_KEYS = "hiera-eyaml"


def damage(node: Node) -> Iterator[Problem]:
    """What is wrong with the encrypted values in a text."""
    for found in _BLOCK.finditer(str(node.value)):
        if reason := _damage(found["method"], found["text"], bool(found["end"])):
            message = f"an encrypted value that can't be decrypted: {reason}"
            yield Problem(node.line, node.column, "damaged-eyaml", message, "paste it again, or encrypt the value anew")


def tiers(node: Node) -> Iterator[str]:
    """The tiers whose keys the values in a text are encrypted for; empty for the fleet's. Other keys say nothing."""
    if not isinstance(node.value, str) or "ENC[" not in node.value:
        return
    for found in _BLOCK.finditer(node.value):
        tier = _tier(re.sub(r"\s", "", found["text"]))
        if tier is not None:
            yield tier


@cache
def _tier(text: str) -> str | None:
    """Which tier the certificate of the envelope's first recipient names, empty for the fleet's; None for others."""
    try:
        [(_, content)] = _parts(base64.b64decode(text, validate=True))
        [(_, enveloped)] = _parts(_parts(content)[1][1])
        recipients = next(each for tag, each in _parts(enveloped) if tag == _SET)
        issuer = _parts(_parts(_parts(recipients)[0][1])[1][1])[0][1]
        pairs = [_parts(pair) for _, names in _parts(issuer) for _, pair in _parts(names)]
        said = {name: value.decode() for (_, name), (_, value) in pairs}
    except (IndexError, ValueError, StopIteration):
        return None
    return said.get(_UNIT, "") if said.get(_COMMON_NAME) == _KEYS else None


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """The DER elements that follow each other: of each its tag and its content."""
    parts, start = [], 0
    while start < len(data):
        end, content = _element(data, start)
        parts.append((data[start], data[content:end]))
        start = end
    return parts


def _damage(method: str | None, text: str, ended: bool) -> str:
    if not ended:
        return "its closing ] is missing"
    if method not in (None, "PKCS7"):
        return "" if method == "GPG" else f"{method} is no method that the server knows"
    return _envelope_damage(re.sub(r"\s", "", text))


@cache
def _envelope_damage(text: str) -> str:
    try:
        envelope = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        return f"not base64 ({error})".replace("(Incorrect padding)", "(cut off?)")
    try:
        end, inner = _element(envelope, 0, 0x30)
        if end != len(envelope):
            return "it has more than its PKCS#7 envelope"
        if envelope[inner : inner + len(_ENVELOPED)] != _ENVELOPED:
            return "no PKCS#7 envelope"
        _whole(envelope, inner, end)
    except (IndexError, ValueError):
        return "its PKCS#7 envelope is cut off or changed"
    return ""


def _element(data: bytes, start: int, tag: int | None = None) -> tuple[int, int]:
    """Where the DER element at `start` ends, and where its content starts."""
    if tag is not None and data[start] != tag:
        raise ValueError
    length, content = data[start + 1], start + 2
    if length == 0x80:
        raise ValueError
    if length > 0x80:
        size = length & 0x7F
        length, content = int.from_bytes(data[content : content + size], "big"), content + size
    if content + length > len(data):
        raise IndexError
    return content + length, content


def _whole(data: bytes, start: int, end: int, depth: int = 0) -> None:
    """Follow all elements between two places: each has to end where what it is in ends."""
    if depth > _MAX_DEPTH:
        raise ValueError
    while start < end:
        constructed = data[start] & 0x20
        after, content = _element(data, start)
        if after > end:
            raise ValueError
        if constructed:
            _whole(data, content, after, depth + 1)
        start = after
    if start != end:
        raise ValueError
