"""fleet-inspect: what only root can see of the services of this machine, as one JSON object. It changes nothing.

Units, processes, owners and modes, what listens, and the certificate of the fleet's authority, which is public; no
content of any other file. Each place is fixed here: no argument, and no word of a service, says where to look.
"""

import grp
import json
import pwd
import re
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from operators import arguments as checked
from operators import places, programs

ROOT = Path("/")
MARK = "[X-Flask-Microservice]"
"""Stands in the unit of each service that Puppet has declared."""

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PROPERTIES = ("Id", "ActiveState", "SubState", "UnitFileState", "MainPID")
_LISTENS = "0A"
_ACCEPTS = 0x10000
"""In /proc/net/unix, the flag of a socket that takes connections."""


def main(arguments: Sequence[str]) -> int:
    """Print what is seen."""
    checked.none(arguments)
    print(json.dumps(inspect()))
    return 0


def inspect() -> dict[str, Any]:
    """Return what is seen: None for a part that can't be, with its error in `errors`."""
    errors: dict[str, str] = {}

    def part(name: str, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except Exception as error:  # whatever is wrong with one part, the others are told
            errors[name] = " ".join(f"{error or type(error).__name__}".split())
            return None

    names = part("names", service_names) or []
    return {
        "services": {name: {"paths": part(f"paths of {name}", partial(paths, name))} for name in names},
        "units": part("units", lambda: units(names)),
        "listening": part("listening", listening),
        "authority": part("authority", authority),
        "errors": errors,
    }


def authority() -> str:
    """Return the certificate of the fleet's authority, as PEM."""
    return (places.SSL / "certs/ca.pem").read_text(encoding="ascii")


def service_names() -> list[str]:
    """Return the services that Puppet has declared here."""
    found = []
    for file in sorted(places.UNITS.glob("*@.service")):
        name = file.name.removesuffix("@.service")
        if NAME.fullmatch(name) and MARK in file.read_text(encoding="utf-8", errors="replace"):
            found.append(name)
    return found


def paths(service: str) -> dict[str, dict[str, str] | None]:
    """Return kind, owner, group and mode of a service's files and directories; None for one that is not there."""
    fixed = (
        f"/etc/{service}", f"/etc/{service}/default_config.ini", f"/var/lib/{service}", f"/var/log/{service}",
        f"/var/log/{service}/{service}.log",
    )  # fmt: skip
    return {path: _look(ROOT / path.lstrip("/")) for path in fixed}


def _look(path: Path) -> dict[str, str] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFSOCK: "socket"}
    return {
        "kind": kinds.get(stat.S_IFMT(found.st_mode), "other"),
        "owner": _account(found.st_uid),
        "group": _group(found.st_gid),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
    }


def units(services: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the units of services, and all units that failed: state, whether they are enabled, and who they run as."""
    patterns = [f"{name}{kind}" for name in services for kind in (".socket", ".service", "@*.service")]
    failed = [line.split()[0] for line in _systemctl("list-units", "--failed", "--plain", "--no-legend").splitlines()]
    shown = _systemctl("show", f"--property={','.join(PROPERTIES)}", "--", *patterns, *failed)
    found = {}
    for block in shown.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if said.get("Id"):
            found[said["Id"]] = {
                "active": said.get("ActiveState", ""),
                "sub": said.get("SubState", ""),
                "enabled": said.get("UnitFileState", ""),
                "user": _user(said.get("MainPID", "0")),
            }
    return found


def restarts(unit: str) -> int:
    """Return how often systemd has started a unit again because it had ended by itself."""
    said = _systemctl("show", "--property=NRestarts", "--value", "--", unit).strip()
    return int(said) if said.isdecimal() else 0


def _systemctl(*arguments: str) -> str:
    if arguments[-1] == "--":
        return ""  # without a unit it would show the manager
    return programs.ask(["systemctl", *arguments]).stdout


def _user(number: str) -> str:
    """The account that a process runs as; empty without a process."""
    if not number.isdecimal() or number == "0":
        return ""
    try:
        text = (places.PROCESSES / number / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    found = re.search(r"^Uid:\s+\d+\s+(\d+)", text, re.MULTILINE)
    return _account(int(found[1])) if found else ""


def listening() -> dict[str, list[Any]]:
    """Return the TCP ports, and the paths of unix sockets, at which something listens."""
    ports = set()
    for name in ("tcp", "tcp6"):
        for words in _table(name):
            if words[3] == _LISTENS:
                ports.add(int(words[1].rpartition(":")[2], 16))
    sockets = {words[7] for words in _table("unix") if len(words) > 7 and int(words[3], 16) & _ACCEPTS}
    return {"tcp": sorted(ports), "unix": sorted(path for path in sockets if path.startswith("/"))}


def _table(name: str) -> list[list[str]]:
    try:
        lines = (places.PROCESSES / "net" / name).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []  # a machine without IPv6
    return [line.split() for line in lines[1:]]


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
