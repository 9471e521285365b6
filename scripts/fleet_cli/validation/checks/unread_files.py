"""Files of Hiera that no lookup reads."""

from collections.abc import Iterator

from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.validation.module_data import ModuleData
from fleet_cli.validation.puppet_code import PuppetCode


def findings(data: FleetData, code: PuppetCode) -> Iterator[Finding]:
    """Files that no layer reads, or that are read for no machine."""
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
            template = did_you_mean(name, data.layers.templates())
            message = "no layer of hiera.yaml reads this file"
            yield Finding(
                name, 1, 1, "unread-file", message, template or "layers: " + ", ".join(data.layers.templates())
            )
        elif data.machines and place.certain and not any(data.groups_reading(name)):
            for word, value in place.needs:
                if word in wrong:
                    continue  # a machine's own is misspelt: it would have read this file
                if value not in known[word] or word == "role":
                    near = did_you_mean(value, known[word]) if value not in known[word] else ""
                    message = f"no machine has the {word} '{value}', so nobody reads this file"
                    yield Finding(name, 1, 1, "unread-file", message, near)


def findings_of_module(module: ModuleData) -> Iterator[Finding]:
    """Files of a module's data that no layer of its hiera.yaml reads."""
    for name in module.unread:
        yield Finding(name, 1, 1, "unread-file", f"no layer of {module.hiera} reads this file")
