"""Where the processes of a service may connect to, told to nftables.

systemd keeps a release to addresses (IPAddressAllow=), but knows no ports: whoever may ask an upstream on its own node
could ask all else there. Releases that run beside each other have one account, so it may connect where any of them may.
"""

import fcntl
import ipaddress
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence

from .errors import SwitchError
from .lock import open_lock
from .reach import Network, ports
from .service import Service, declared_names
from .systemd import show
from .unit import Unit

TABLE = "inet flask_microservice"
LOCK = ".connections"
"""No service can have that name."""
ENDED = ("dead", "failed", "stop-post", "final-", "auto-restart")
"""What the state of a unit begins with that has no process but those that clear up after it."""


def confine(service: Service) -> None:
    """Let the account of a service connect where its releases that run may; SwitchError if nft does not take that.

    Nothing is done where there is no nft: addresses are limited there, too.
    """
    if shutil.which("nft"):
        _load(service, gone=False)


def forget(service: Service) -> None:
    """Forget a service that is removed."""
    if shutil.which("nft"):
        _load(service, gone=True)


def ruleset(name: str, rules: Iterable[str], accounts: Mapping[str, int], *, gone: bool = False) -> str:
    """Return what nft is told, which takes it as a whole or not at all.

    Args:
        name: the service whose rules these are; those of others stay as they are.
        rules: what `rules()` returns.
        accounts: the user number of each service of the node, by name.
        gone: whether this one is removed.
    """
    kept = {one: number for one, number in accounts.items() if not (gone and one == name)}
    jumps = ", ".join(f"{number} : jump {_chain(one)}" for one, number in sorted(kept.items()))
    return "\n".join([
        f"add table {TABLE}",
        f"add chain {TABLE} output {{ type filter hook output priority filter; policy accept; }}",
        *(f"add chain {TABLE} {_chain(one)}" for one in sorted({*kept, name})),
        f"flush chain {TABLE} output",
        *([f"add rule {TABLE} output meta skuid vmap {{ {jumps} }}"] if jumps else []),
        f"flush chain {TABLE} {_chain(name)}",
        *(f"add rule {TABLE} {_chain(name)} {rule}" for rule in rules),
        *([f"delete chain {TABLE} {_chain(name)}"] if gone else []),
        "",
    ])  # fmt: skip


def rules(units: Sequence[Unit]) -> list[str]:
    """Return the rules for an account that may connect where any of some releases may.

    There are none if that is anywhere, and none without a release: then nothing runs but what a person does.
    """
    found: dict[Network, set[int]] = {}
    for unit in units:
        allowed = ports(unit)
        if allowed is None:
            return []
        for network, numbers in allowed.items():
            open_to_all = not numbers or (network in found and not found[network])
            found[network] = set() if open_to_all else found.get(network, set()) | numbers
    if not units:
        return []
    # Answers to its clients begin no connection, and a connection that stands goes on.
    return [
        "tcp flags & (fin | syn | rst | ack) != syn accept",
        *(_rule(network, found[network]) for network in sorted(found, key=str)),
        "reject with icmpx host-unreachable",
    ]


def _rule(network: Network, numbers: Iterable[int]) -> str:
    family = "ip6" if isinstance(network, ipaddress.IPv6Network) else "ip"
    listed = ", ".join(str(number) for number in sorted(numbers))
    only = f" meta l4proto {{ tcp, udp }} th dport {{ {listed} }}" if listed else ""
    return f"{family} daddr {network}{only} accept"


def _load(service: Service, *, gone: bool) -> None:
    # One at a time, so that the last one knows all the others.
    lock = open_lock(LOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = ruleset(service.name, [] if gone else rules(_running(service)), _accounts(service), gone=gone)
        command = ["nft", "--file", "-"]
        result = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
    finally:
        os.close(lock)
    if result.returncode != 0:
        raise SwitchError(f"nft did not take the rules for its connections: {' '.join(result.stderr.split())}")


def _running(service: Service) -> list[Unit]:
    """Return the units of the releases that have processes, on the port or in a check."""
    releases = {service.instance(one): one for one in service.instances()}
    releases |= {service.check_unit(one): one for one in service.being_checked()}
    states = show(sorted(releases), "SubState")
    found = []
    for name, one in releases.items():
        if not states[name]["SubState"].startswith(ENDED):
            try:
                found.append(service.unit(one))
            except SwitchError:
                continue
    return found


def _accounts(service: Service) -> dict[str, int]:
    found = {}
    for name in {*declared_names(), service.name}:
        try:
            found[name] = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return found


def _chain(name: str) -> str:
    return f"of_{name}"  # a name alone could be a word of nft's
