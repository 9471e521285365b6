"""Keys of Hiera that nothing looks up, or nothing on the nodes that read them."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fleet_cli.repository.documents import Document
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.merging import OPTIONS_KEY
from fleet_cli.validation.checked import Checked
from fleet_cli.validation.module_data import ModuleData
from fleet_cli.validation.puppet_code import ANY, PuppetCode, looked_up

_ONE_COLON = re.compile(r"(?:[a-z]\w*::?)+\w+")


@dataclass
class Untold:
    """Keys that nothing names, but that code may look up whose keys are made only when it runs."""

    keys: set[str] = field(default_factory=set)

    def notes(self, code: PuppetCode) -> Iterator[str]:
        """Say that there are such keys, and whose they may be."""
        if self.keys:
            one, count = min(self.keys), len(self.keys)
            which = f"the key '{one}'" if count == 1 else f"{count} keys, such as '{one}',"
            units = (unit.name or "the main manifest" for unit in code.units.values() if ANY in unit.lookups)
            who = min(units).removeprefix("/control/").removeprefix("/vendor/")
            yield f"nothing names {which} but {who} looks up keys that only its run knows: they are not told"


def findings(
    data: FleetData, checked: Mapping[str, Checked], code: PuppetCode, missing: set[str], untold: Untold
) -> Iterator[Finding]:
    """Keys that nothing looks up.

    Args:
        data, checked: Hiera.
        code: who looks up what.
        missing: the names of modules that could not be had, of which nothing is known.
        untold: gets the keys of which that is not certain.
    """
    interpolated = {lookup.key for each in checked.values() for lookup in each.lookups}
    anyone = code.lookups | interpolated
    everything = _whole_keys(anyone, code)
    verdicts: dict[tuple[str, frozenset[str]], tuple[str, str, str] | None] = {}
    for name, place in data.places.items():
        roles = (
            frozenset(role for role, _ in data.groups_reading(name)) if data.machines and place.certain else frozenset()
        )
        for key, pair in data.documents[name].top.items():
            if key == OPTIONS_KEY or key in interpolated:
                continue
            if key.partition("::")[0] in missing:
                if mistake := _one_colon(key):
                    yield Finding(name, pair.line, pair.column, *mistake)
                continue
            if (key, roles) not in verdicts:
                verdicts[key, roles] = _verdict(key, roles, code, everything)
                if not verdicts[key, roles] and key not in code.parameters and not code.looks_up(key):
                    untold.keys.add(key)
            if verdict := verdicts[key, roles]:
                yield Finding(name, pair.line, pair.column, *verdict)


def _one_colon(key: str) -> tuple[str, str, str] | None:
    """Code, message and suggestion for a key of whose module nothing is known, but that is none of any module."""
    if "::" not in key or not _ONE_COLON.fullmatch(key) or ":" not in key.replace("::", ""):
        return None
    meant = re.sub("::?", "::", key)
    return "unknown-key", f"'{key}' is no key that is used: two colons stand between names", f"did you mean '{meant}'?"


def findings_of_modules(
    modules: Iterable[ModuleData], own: Mapping[str, Document], checked: Mapping[str, Checked], code: PuppetCode
) -> Iterator[Finding]:
    """Keys in the data of modules that nothing looks up, or that Hiera ignores there.

    Args:
        modules, own: the data of the repository's own modules, and the files of it.
        checked: all files.
        code: who looks up what.
    """
    interpolated = {lookup.key for each in checked.values() for lookup in each.lookups}
    everything = _whole_keys(code.lookups | interpolated, code)
    for module in modules:
        for name in module.names:
            for key, pair in own[name].top.items() if name in own else ():
                if key == OPTIONS_KEY or key in interpolated:
                    continue
                if not key.startswith(module.prefix):
                    message = f"'{key}' is ignored here: the keys of a module's data begin with {module.prefix}"
                    yield Finding(name, pair.line, pair.column, "unknown-key", message, did_you_mean(key, everything))
                elif verdict := _verdict(key, frozenset(), code, everything):
                    yield Finding(name, pair.line, pair.column, *verdict)


def _whole_keys(looked_up_keys: Iterable[str], code: PuppetCode) -> list[str]:
    """All keys that are known as a whole."""
    return sorted({key for key in looked_up_keys if ANY not in key} | code.parameters.keys())


def _verdict(key: str, roles: frozenset[str], code: PuppetCode, everything: list[str]) -> tuple[str, str, str] | None:
    """Code, message and suggestion for a key in a file that machines of some roles read; None if all is well."""
    unit = key.rpartition("::")[0]
    if key not in code.parameters and not code.looks_up(key):
        near = did_you_mean(key, _below(unit, everything) if unit in code.classes else everything)
        if ("define", unit) in code.units and key.rpartition("::")[2] in code.units["define", unit].parameters:
            what = f"'{unit}' is a defined type, and only classes take their parameters from Hiera"
            return "unknown-key", f"'{key}' is no key that is used: {what}", "give it where one is declared"
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


def _below(unit: str, everything: list[str]) -> list[str]:
    """The keys that begin with the name of a class: to look through all of them takes long."""
    return everything[bisect_left(everything, f"{unit}::") : bisect_left(everything, f"{unit}:;")]


def _looks_up(key: str, unit: str, role: str, code: PuppetCode) -> bool:
    reach = code.reach(role)
    return looked_up(key, reach.lookups) or (unit in reach.classes and key in code.parameters)
