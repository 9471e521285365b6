"""Encrypted values: whether they are whole, and whether what should be one is. Without any key."""

import base64
import binascii
import re
from collections.abc import Iterator
from functools import cache

from fleet_cli.repository.documents import Node, leaves
from fleet_cli.validation import interpolation
from fleet_cli.validation.data_types import Problem

ENCRYPT = "encrypt it: eyaml encrypt -s VALUE"
_BLOCK = re.compile(r"ENC\[(?:(?P<method>\w+),)?(?P<text>[^\]]*)(?P<end>\]?)")
_WHOLE = re.compile(r"\s*ENC\[[^\]]*\]\s*")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
"""The object identifier 1.2.840.113549.1.7.3 of an enveloped PKCS#7 message (RFC 5652, 6), in DER."""

_MAX_DEPTH = 30
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}")
_SECRET_NAME = re.compile(
    r"(?:\A|[_.-])(?:password|passwd|secret|token|api[_.-]?key|private[_.-]?key)(?:\Z|[_.-]key\Z)"
)


def damage(node: Node) -> Iterator[Problem]:
    """What is wrong with the encrypted values in a text."""
    for found in _BLOCK.finditer(str(node.value)):
        if reason := _damage(found["method"], found["text"], bool(found["end"])):
            message = f"an encrypted value that can't be decrypted: {reason}"
            yield Problem(node.line, node.column, "damaged-eyaml", message, "paste it again, or encrypt the value anew")


def plain_values(node: Node) -> Iterator[Problem]:
    """Values below a node that stand in plain text, where each should be encrypted."""
    for leaf in leaves(node):
        value = leaf.value
        if isinstance(value, str) and (value == "" or "ENC[" in value or interpolation.is_reference(value)):
            continue
        if value is not None:
            yield Problem(leaf.line, leaf.column, "plain-secret", "a secret in plain text", ENCRYPT)


def looks_secret(key: str, node: Node) -> str:
    """What makes a setting look like a secret that anyone can read; empty if nothing does."""
    value = node.value
    if not isinstance(value, str) or not value or "ENC[" in value or "%{" in value:
        return ""
    if _URL_PASSWORD.match(value):
        return "a password in a URL"
    if _PRIVATE_KEY.search(value):
        return "a private key"
    return f"'{key}', which its name says is a secret," if _SECRET_NAME.search(key) else ""


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
