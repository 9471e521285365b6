"""lab.yaml: the boxes and the services of the lab."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet_cli.machine.errors import FleetError

_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
SERVER_ROLE = "puppetserver"
BARE_ROLE = "bare"
"""Of a box that knows nothing of Puppet: for trying out what works on any Debian."""


@dataclass(frozen=True)
class Box:
    """A Vagrant box; its role and tier become trusted extensions of its certificate."""

    name: str
    role: str
    tier: str
    address: str
    domain: str

    @property
    def certname(self) -> str:
        """The fully qualified name, which is also the name in the certificate."""
        return f"{self.name}.{self.domain}"


@dataclass(frozen=True)
class LabService:
    """A service that the lab renders from the template."""

    name: str
    version: str
    upstream: str = ""


@dataclass(frozen=True)
class Lab:
    """The whole file."""

    domain: str
    network: ipaddress.IPv4Network
    boxes: tuple[Box, ...]
    services: tuple[LabService, ...]

    @property
    def gateway(self) -> str:
        """The bridge's own address: the first one of the network."""
        return str(next(self.network.hosts()))

    @property
    def server(self) -> Box:
        """The box that runs Puppet Server."""
        return next(box for box in self.boxes if box.role == SERVER_ROLE)

    @property
    def nodes(self) -> tuple[Box, ...]:
        """Every box that gets its catalog from the Puppet server, but the server itself."""
        return tuple(box for box in self.boxes if box.role not in (SERVER_ROLE, BARE_ROLE))

    def box(self, name: str) -> Box:
        """Return the box of that name, short or fully qualified.

        Raises:
            FleetError: there is no such box.
        """
        for box in self.boxes:
            if name in (box.name, box.certname):
                return box
        raise FleetError(f"there is no box {name!r}; lab.yaml has: {', '.join(box.name for box in self.boxes)}")


def load(path: Path) -> Lab:
    """Read and check lab.yaml.

    Raises:
        FleetError: the file is missing or something in it is wrong; the message names file and entry.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FleetError(f"{path}: there is no such file; is {path.parent} a control repository?") from None
    except yaml.YAMLError as error:
        raise FleetError(f"{path}: not valid YAML: {error}") from None

    def wrong(message: str) -> FleetError:
        return FleetError(f"{path}: {message}")

    if not isinstance(data, dict):
        raise wrong("expected the keys domain, network, boxes and services")
    try:
        network = ipaddress.IPv4Network(str(data.get("network")))
    except ValueError as error:
        raise wrong(f"network: {error}") from None
    domain = str(data.get("domain", ""))
    boxes = tuple(_box(entry, domain, network, wrong) for entry in data.get("boxes") or [])
    for what, values in (("name", [box.name for box in boxes]), ("address", [box.address for box in boxes])):
        for value in values:
            if values.count(value) > 1:
                raise wrong(f"boxes: two boxes have the {what} {value}")
    if [box.role for box in boxes].count(SERVER_ROLE) != 1:
        raise wrong(f"boxes: exactly one box must have the role {SERVER_ROLE}")
    services = tuple(_service(entry, wrong) for entry in data.get("services") or [])
    return Lab(domain, network, boxes, services)


def _box(entry: Any, domain: str, network: ipaddress.IPv4Network, wrong: Any) -> Box:
    keys = {"name", "role", "tier", "address"}
    if not isinstance(entry, dict) or set(entry) != keys:
        raise wrong(f"boxes: {entry!r} must have exactly the keys {', '.join(sorted(keys))}")
    box = Box(**{key: str(value) for key, value in entry.items()}, domain=domain)
    if not _NAME.fullmatch(box.name):
        raise wrong(f"boxes: {box.name!r} is no host name (lower-case letters, digits, dashes)")
    try:
        address = ipaddress.IPv4Address(box.address)
    except ValueError as error:
        raise wrong(f"boxes: {box.name}: {error}") from None
    if address not in network or address == next(network.hosts()):
        raise wrong(f"boxes: {box.name}: {address} is outside of {network}, or is the gateway's")
    return box


def _service(entry: Any, wrong: Any) -> LabService:
    if not isinstance(entry, dict) or not {"name", "version"} <= set(entry) <= {
        "name",
        "version",
        "upstream",
    }:
        raise wrong(f"services: {entry!r} must have the keys name and version, and may have upstream")
    return LabService(**{key: str(value) for key, value in entry.items()})
