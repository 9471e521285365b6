"""What to declare so that a release is no longer refused, where its reason tells that."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from . import places
from .reach import Address, addresses_in, may_connect, name_servers, outside, ports
from .unit import Unit

UNKNOWN_NAME = re.compile(
    r"name resolution|Name or service not known|No address associated with hostname|could not translate host name"
    r"|failed to resolve|NameResolutionError|getaddrinfo failed"
)
NO_CONNECTION = re.compile(
    r"[Tt]imed? ?out|Timeout|Network is unreachable|No route to host|Operation not permitted|it waits for .* to answer"
)
OWN_WORDS = re.compile(r"got no answer \(timed out\)")
"""What this program says of a health check, which tells nothing of the connections of the release itself."""
PATH = re.compile(r"['\"(](/[^'\")]+)['\")]")
NOT_WRITABLE = re.compile(
    rf"Read-only file system|unable to open database file|readonly database|No usable temporary directory"
    rf"|Permission denied.*{PATH.pattern}"
)
FORBIDDEN = (
    (re.compile(r"Address family not supported"), "RestrictAddressFamilies"),
    (re.compile(r"Permission denied$"), "MemoryDenyWriteExecute"),
    (re.compile(rf"Operation not permitted.*{PATH.pattern}"), "SystemCallFilter"),
)
"""What a release says when its unit forbids something, and a directive that may do so."""
NO_LIBRARY = re.compile(r"([\w.+-]+): cannot open shared object file")
NO_MODULE = re.compile(r"No module named '?([\w.]+)")
OTHER_STATUS = re.compile(r"answered (30\d|40[01345])\b")
LIMITS = (
    (re.compile(r"oom-kill|out of memory|MemoryError|Cannot allocate memory"), "MemoryMax", "memory", "of memory"),
    (
        re.compile(r"can't start new thread|Resource temporarily unavailable"),
        "TasksMax",
        "tasks",
        "processes and threads",
    ),
    (re.compile(r"Too many open files"), "LimitNOFILE", "files", "open files"),
)
"""What a release says that has reached a limit, the directive that sets it, its key in `limits`, and what it counts."""
LEAST_BYTES = 64 * 1024
"""A file system with less room than that is full."""


def hints(why: str, unit: Unit) -> str:
    """Return what to do about the reason for a refusal, as the end of its message; nothing if that can't be told."""
    found = [hint(why, unit) for hint in HINTS]
    return "".join(f"; {one}" for one in found if one)


def _names(why: str, unit: Unit) -> str:
    if not UNKNOWN_NAME.search(why) or may_connect(unit) is None:
        return ""
    blocked = outside(unit, name_servers())
    if not blocked:
        return ""
    return f"no name is found, since its `peers` lack the DNS server {_listed(blocked)} of {places.RESOLVER}"


def _connections(why: str, unit: Unit) -> str:
    said, allowed = OWN_WORDS.sub("", why), may_connect(unit)
    if allowed is None or not NO_CONNECTION.search(said) or FORBIDDEN[-1][0].search(said):
        return ""
    addresses = addresses_in(said)
    only = f"it may connect to {' '.join(unit.words('IPAddressAllow'))} only" if allowed else "it may connect nowhere"
    if addresses:
        beyond = outside(unit, addresses)
        return f"{_listed(beyond)} is not among its `peers`: {only}" if beyond else _ports(said, addresses, unit)
    return f"{only}: what else it needs, and the DNS server for names, has to be among its `peers`"


def _ports(said: str, addresses: list[Address], unit: Unit) -> str:
    """Return at which ports of an address a release may connect, where it was told that there is no way there."""
    if "No route to host" not in said:
        return ""
    limited = {str(network.network_address): numbers for network, numbers in (ports(unit) or {}).items() if numbers}
    found = [(one, sorted(limited[str(one)])) for one in addresses if str(one) in limited]
    return f"its `peers` have of {found[0][0]} the port {_listed(found[0][1])} only" if found else ""


def _writing(why: str, unit: Unit) -> str:
    if not NOT_WRITABLE.search(why) or "Failed at step" in why:
        return ""
    own = _writable(unit)
    meant = [path for path in PATH.findall(why) if any(Path(path).is_relative_to(one) for one in own)]
    if meant and meant[0].startswith(f"/var/log/{unit.account}/"):
        return f"the directory of its log is root's, and has no other files: what it writes goes below {own[0]}"
    if meant:
        return f"{meant[0]} has to belong to the account {unit.account}"
    return (
        f"it may write to {' '.join(own)} only: its `unit` gives it /var/lib/NAME by StateDirectory=NAME, and opens a"
        " directory of its account by ReadWritePaths=PATH"
    )


def _forbidden(why: str, _: Unit) -> str:
    for said, directive in FORBIDDEN:
        if said.search(why) and "Failed at step" not in why:
            return f"its unit forbids what services rarely need, by {directive} for one: `unit` sets that otherwise"
    return ""


def _space(_: str, unit: Unit) -> str:
    places_of_it = [*_writable(unit), str(places.RELEASES), "/tmp", "/var/tmp", "/run"]  # noqa: S108
    full = [path for path in places_of_it if _is_full(Path(path))]
    return f"no space is left on the file system of {_listed(full)}" if full else ""


def _limits(why: str, unit: Unit) -> str:
    for reached, directive, key, counted in LIMITS:
        if reached.search(why):
            limit = unit.last("Service", directive)
            return f"it may have {limit} {counted} (limits.{key})" if limit else ""
    return ""


def _contents(why: str, unit: Unit) -> str:
    library, module = NO_LIBRARY.search(why), NO_MODULE.search(why)
    if library:
        return f"the Debian package that has {library[1]} is not among the Depends of {unit.setting('Package')}"
    if "AppImportError" in why:
        return f"its `application` is not in the package {unit.setting('Package')}"
    if module:
        return f"the package {unit.setting('Package')} lacks what has the Python module {module[1]}"
    return ""


def _health(why: str, unit: Unit) -> str:
    if not OTHER_STATUS.search(why):
        return ""
    return f"its `health_path` ({unit.setting('HealthPath')}) has to answer 200 to whoever asks, by HTTP, for localhost"


HINTS: tuple[Callable[[str, Unit], str], ...] = (
    _names, _connections, _writing, _forbidden, _space, _limits, _contents, _health,
)  # fmt: skip


def _writable(unit: Unit) -> list[str]:
    """Return the directories that a release may write to."""
    kinds = (("StateDirectory", "/var/lib"), ("CacheDirectory", "/var/cache"), ("LogsDirectory", "/var/log"))
    made = [f"{base}/{name.partition(':')[0]}" for kind, base in kinds for name in unit.words(kind)]
    paths = [*(path.lstrip("-+") for path in unit.words("ReadWritePaths")), *made]
    return [path.replace("%i", "RELEASE") for path in paths]


def _is_full(path: Path) -> bool:
    try:
        found = os.statvfs(path)
    except OSError:
        return False
    no_files = found.f_files > 0 and found.f_favail == 0
    return no_files or found.f_bavail * found.f_frsize < LEAST_BYTES


def _listed(found: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(one) for one in found))
