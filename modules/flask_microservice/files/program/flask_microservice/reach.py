"""Whom a release may connect to, and whom it waits for."""

import ipaddress
import pwd
import re
import struct
from pathlib import Path

from . import places
from .unit import Unit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOCAL = ("127.0.0.0/8", "::1/128")
NAMED = {"localhost": LOCAL, "link-local": ("169.254.0.0/16", "fe80::/64"), "multicast": ("224.0.0.0/4", "ff00::/8")}
"""What systemd calls by a name in IPAddressAllow=."""
PEER = re.compile(r"(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\]):([0-9]+)")
"""An address with the one port there: 192.0.2.1:5432, [2001:db8::1]:5432."""
SYN_SENT = "02"
"""The state of a connection that the other side has not answered yet, in /proc/net/tcp."""


def may_connect(unit: Unit) -> list[Network] | None:
    """Return the networks that a release may connect to; None if these are not limited."""
    if "any" not in unit.words("IPAddressDeny"):
        return None
    allowed = unit.words("IPAddressAllow")
    if "any" in allowed:
        return None
    return [ipaddress.ip_network(one, strict=False) for word in allowed for one in NAMED.get(word, (word,))]


def ports(unit: Unit) -> dict[Network, set[int]] | None:
    """Return the networks that a release may connect to, each with its ports, and without any if all are meant.

    None if nothing is limited.
    """
    allowed = may_connect(unit)
    if allowed is None:
        return None
    limited: dict[Network, set[int]] = {}
    for peer in unit.peers:
        if found := PEER.fullmatch(peer):
            limited.setdefault(ipaddress.ip_network(found[1] or found[2]), set()).add(int(found[3]))
    whole = {ipaddress.ip_network(peer, strict=False) for peer in unit.peers if not PEER.fullmatch(peer)}
    return {network: set() if network in whole else limited.get(network, set()) for network in allowed}


def outside(unit: Unit, addresses: list[Address]) -> list[Address]:
    """Return those of some addresses that a release may not connect to."""
    allowed = may_connect(unit)
    return [] if allowed is None else [one for one in addresses if not any(one in network for network in allowed)]


def addresses_in(text: str) -> list[Address]:
    """Return the addresses that a text has."""
    found = []
    for word in re.findall(r"[0-9a-fA-F:.]{3,}", text):
        for one in (word.strip("."), word.rpartition(":")[0]):  # 192.0.2.1:5432
            try:
                found.append(ipaddress.ip_address(one))
                break
            except ValueError:
                continue
    return found


def name_servers() -> list[Address]:
    """Return the DNS servers that this machine's programs ask."""
    try:
        lines = places.RESOLVER.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [one for line in lines if line.startswith("nameserver") for one in addresses_in(line)]


def unanswered(unit: Unit) -> list[str]:
    """Return whom processes of a release's account try to connect to, and who has not answered: ADDRESS port PORT."""
    try:
        account = pwd.getpwnam(unit.account).pw_uid
    except KeyError:
        return []
    lines = [line.split() for table in ("tcp", "tcp6") for line in _rows(places.SOCKETS / table)]
    asked = [fields[2] for fields in lines if fields[3] == SYN_SENT and int(fields[7]) == account]
    return sorted({f"{_address(one)} port {int(one.partition(':')[2], 16)}" for one in asked})


def _rows(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # a machine without IPv6 has no table of it
        return []


def _address(field: str) -> Address:
    """Return the address in a field of /proc/net/tcp: words of 32 bits, each as this machine has it in memory."""
    words = field.partition(":")[0]
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    address = ipaddress.ip_address(packed)
    return getattr(address, "ipv4_mapped", None) or address
