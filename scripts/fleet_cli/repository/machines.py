"""The machines of the fleet, each with the place where it is declared: nodes.yaml, or the boxes of lab.yaml."""

from collections.abc import Iterator

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import inventory, labfile
from fleet_cli.repository.documents import Document, items, mapping
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.inventory import Machine

LAB = "lab.yaml"
FILES = (inventory.FILE, LAB)
"""Where machines stand: the first of these that is there."""


def problems(content: bytes) -> list[Finding]:
    """What keeps nodes.yaml from being read as `fleet` reads it."""
    try:
        inventory.parse(content)
    except FleetError as error:
        line, _, message = str(error).removeprefix(inventory.FILE + ":").partition(":")
        return [Finding(inventory.FILE, int(line) if line.isdigit() else 1, 1, "inventory", message.strip())]
    return []


def listed(document: Document) -> Iterator[Machine]:
    """The machines of nodes.yaml, as far as they can be read."""
    for certname, pair in document.top.items():
        words = {key: entry.node for key, entry in mapping(pair.node).items()}
        if {"role", "tier"} <= set(words):
            role, tier = words["role"], words["tier"]
            yield Machine(
                certname, role.raw or str(role.value), tier.raw or str(tier.value), inventory.FILE, pair.line,
                role.column, tier.column,
            )  # fmt: skip


def boxes(document: Document) -> Iterator[Machine]:
    """The boxes of lab.yaml that get a catalog."""
    top = document.top
    domain = str(top["domain"].node.value) if "domain" in top else ""
    for box in items(top["boxes"].node) if "boxes" in top else ():
        said = {key: entry.node for key, entry in mapping(box).items()}
        if {"name", "role", "tier"} <= set(said) and said["role"].value != labfile.BARE_ROLE:
            yield Machine(
                f"{said['name'].value}.{domain}", str(said["role"].value), str(said["tier"].value), LAB,
                said["role"].line, said["role"].column, said["tier"].column,
            )  # fmt: skip
