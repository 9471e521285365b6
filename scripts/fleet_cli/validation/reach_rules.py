"""What no lookup reaches: files, keys, roles and tiers that are nowhere, values that interpolate what nobody says."""

from collections.abc import Iterator, Mapping

from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.merging import OPTIONS_KEY
from fleet_cli.validation.file_check import Checked
from fleet_cli.validation.puppet_code import PuppetCode

ANY = "*"
"""In the place of a key that is known only when the code runs."""


def machine_findings(data: FleetData, code: PuppetCode) -> Iterator[Finding]:
    """Machines whose role has no class, or whose tier has no file."""
    tiers = data.tiers
    for machine in data.machines:
        if code.roles and machine.role not in code.roles:
            message = f"{machine.certname} has the role '{machine.role}', which is no class in site/role/manifests"
            suggestion = did_you_mean(machine.role, code.roles) or "roles: " + ", ".join(code.roles)
            yield Finding(machine.file, machine.line, machine.role_column, "unknown-role", message, suggestion)
        if tiers and machine.tier not in tiers:
            message = f"{machine.certname} has the tier '{machine.tier}', of which no file of Hiera says anything"
            suggestion = did_you_mean(machine.tier, tiers) or "tiers: " + ", ".join(tiers)
            yield Finding(machine.file, machine.line, machine.tier_column, "unknown-tier", message, suggestion)


def file_findings(data: FleetData, code: PuppetCode) -> Iterator[Finding]:
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


def key_findings(
    data: FleetData, checked: Mapping[str, Checked], code: PuppetCode, missing: set[str]
) -> Iterator[Finding]:
    """Keys that nothing looks up.

    Args:
        data, checked: Hiera.
        code: who looks up what.
        missing: the names of modules that could not be had, of which nothing is known.
    """
    interpolated = {lookup.key for each in checked.values() for lookup in each.lookups}
    anyone = code.lookups | interpolated
    everything = sorted((anyone | code.parameters.keys()) - {ANY})
    verdicts: dict[tuple[str, frozenset[str]], tuple[str, str, str] | None] = {}
    for name, place in data.places.items():
        roles = (
            frozenset(role for role, _ in data.groups_reading(name)) if data.machines and place.certain else frozenset()
        )
        for key, pair in data.documents[name].top.items():
            if key == OPTIONS_KEY or key in interpolated or key.partition("::")[0] in missing:
                continue
            if (key, roles) not in verdicts:
                verdicts[key, roles] = _verdict(key, roles, code, everything)
            if verdict := verdicts[key, roles]:
                yield Finding(name, pair.line, pair.column, *verdict)


def _verdict(key: str, roles: frozenset[str], code: PuppetCode, everything: list[str]) -> tuple[str, str, str] | None:
    """Code, message and suggestion for a key in a file that machines of some roles read; None if all is well."""
    unit = key.rpartition("::")[0]
    if key not in code.parameters and key not in code.lookups:
        near = did_you_mean(key, everything)
        if near or ANY not in code.lookups:
            what = f"class '{unit}' has no such parameter" if unit in code.classes else "nothing looks it up"
            return "unknown-key", f"'{key}' is no key that is used: {what}", near
        return None
    if not roles <= set(code.roles):
        return None  # what such a role would look up is not known
    if not roles or any(_looks_up(key, unit, role, code) for role in roles):
        return None
    having = [role for role in code.roles if _looks_up(key, unit, role, code)]
    what = f"'{key}' is looked up by no machine that reads this file (roles: {', '.join(sorted(roles))})"
    return (
        "unreachable-key",
        what,
        f"it belongs to the role {' or '.join(having)}" if having else "no role has its class",
    )


def _looks_up(key: str, unit: str, role: str, code: PuppetCode) -> bool:
    reach = code.reach(role)
    return key in reach.lookups or (unit in reach.classes and key in code.parameters)


def lookup_findings(data: FleetData, checked: Mapping[str, Checked], module_keys: set[str]) -> Iterator[Finding]:
    """Values that interpolate a key that no file has, and lookup_options of keys that are not used anywhere."""
    said = {key for document in data.documents.values() for key in document.top} | module_keys
    for name, each in checked.items():
        for lookup in each.lookups:
            if lookup.key not in said:
                message = f"it interpolates '{lookup.key}', which no file of Hiera has"
                yield Finding(
                    name, lookup.line, lookup.column, "unknown-lookup", message, did_you_mean(lookup.key, said)
                )


def options_findings(data: FleetData, code: PuppetCode, missing: set[str]) -> Iterator[Finding]:
    """Lookup options of keys that nothing looks up: the merge that they ask for never happens."""
    used = {key for document in data.documents.values() for key in document.top} | code.parameters.keys() | code.lookups
    for name in data.with_key(OPTIONS_KEY):
        options = data.documents[name].top[OPTIONS_KEY].node.value
        for key, pair in options.items() if isinstance(options, dict) else ():
            known = not isinstance(key, str) or key in used or key.startswith("^") or key.partition("::")[0] in missing
            if not known:
                message = f"'{key}' is no key that is used"
                yield Finding(name, pair.line, pair.column, "unknown-key", message, did_you_mean(str(key), used))
