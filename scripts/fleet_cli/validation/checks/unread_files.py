"""Files of Hiera that no lookup reads."""

from collections.abc import Callable, Iterable, Iterator

from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.layers import Layers
from fleet_cli.validation.module_data import ModuleData
from fleet_cli.validation.puppet_code import PuppetCode

_SHOWN = 6
"""Layers that a suggestion names."""


def findings(data: FleetData, code: PuppetCode, others: Callable[[], Iterable[Layers]]) -> Iterator[Finding]:
    """Files that no layer reads, or that are read for no machine.

    Args:
        data: Hiera.
        code: the roles.
        others: gives the layers of other configurations of Hiera that the repository has.
    """
    known = {
        "certname": sorted(machine.certname for machine in data.machines),
        "role": sorted({machine.role for machine in data.machines} | set(code.roles)),
        "tier": sorted({machine.tier for machine in data.machines}),
    }
    wrong = {"role"} if any(machine.role not in code.roles for machine in data.machines) else set()
    if data.tiers and any(machine.tier not in data.tiers for machine in data.machines):
        wrong.add("tier")
    for name in data.documents:
        place = data.places.get(name)
        if place is None:
            if not data.layers.is_read_by_plans(name) and not any(other.place(name) for other in others()):
                message = "no layer of hiera.yaml reads this file"
                yield Finding(name, 1, 1, "unread-file", message, _layers(name, data.layers.templates()))
        elif data.machines and place.certain and not any(data.groups_reading(name)):
            for word, value in place.needs:
                if word in wrong:
                    continue  # a machine's own is misspelt: it would have read this file
                if value not in known[word] or word == "role":
                    near = did_you_mean(value, known[word]) if value not in known[word] else ""
                    message = f"no machine has the {word} '{value}', so nobody reads this file"
                    yield Finding(name, 1, 1, "unread-file", message, near)


def _layers(name: str, templates: list[str]) -> str:
    """The layer that was meant, else those that there are, as far as a line holds them."""
    shown = ", ".join(templates[:_SHOWN]) + (f" and {len(templates) - _SHOWN} others" if templates[_SHOWN:] else "")
    return did_you_mean(name, templates) or f"layers: {shown}"


def findings_of_module(module: ModuleData) -> Iterator[Finding]:
    """Files of a module's data that no layer of its hiera.yaml reads."""
    for name in module.unread:
        yield Finding(name, 1, 1, "unread-file", f"no layer of {module.hiera} reads this file")
