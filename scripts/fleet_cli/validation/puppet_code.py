"""What Puppet code says: classes, parameters and their types, who mentions whom, what is looked up."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from fleet_cli.validation.type_words import Type

_TOLD_BY_THE_MODULE: Mapping[str, Type] = {
    "flask_microservice::secrets": {
        "kind": "Sensitive",
        "of": {
            "kind": "Hash", "from": None, "to": None,
            "key": {"kind": "Alias", "name": "Flask_microservice::Name"},
            "of": {"kind": "Alias", "name": "Flask_microservice::Config"},
        },
    },
    "flask_microservice::secret_environment": {
        "kind": "Sensitive", "of": {"kind": "Alias", "name": "Flask_microservice::Secret_environment"},
    },
}  # fmt: skip
"""Types that a module checks in its own words, so that its parameters have wider ones: Flask_microservice::Secrets."""
ANY = "*"
"""In the place of a part of a key that is known only when the code runs."""
ROLE_PREFIX = "role::"
"""manifests/site.pp includes the class of this prefix and the role's name."""


def looked_up(key: str, lookups: Collection[str]) -> bool:
    """Whether a key is among those that are looked up; one that may be any key counts for none."""
    if key in lookups:
        return True
    return any(_pattern(each).fullmatch(key) for each in lookups if ANY in each and each != ANY)


@cache
def _pattern(lookup: str) -> re.Pattern[str]:
    return re.compile(".+".join(map(re.escape, lookup.split(ANY))))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a class or a defined type."""

    type: Type
    optional: bool


@dataclass(frozen=True)
class Unit:
    """A class, a defined type, a function, a template or Ruby file, or the main manifest, whose name is empty.

    Attributes:
        includes_any: whether it includes classes that it does not name itself.
    """

    kind: str
    name: str
    parameters: Mapping[str, Parameter]
    mentions: frozenset[str]
    prefixes: tuple[str, ...]
    lookups: frozenset[str]
    includes_any: bool = False


@dataclass(frozen=True)
class Reach:
    """What may take part in the catalogs of a role. It may be more than does, never less.

    Attributes:
        classes: the names of classes.
        lookups: the keys that are looked up by name.
    """

    classes: frozenset[str]
    lookups: frozenset[str]


@dataclass
class PuppetCode:
    """All units of an environment.

    Attributes:
        units: by kind and name.
        aliases: the types that have a name.
        dependencies: by slug of a module, what its metadata says that it needs.
        versions: by slug, the modules' own versions.
        module_names: the first parts of names that belong to a module.
        mentioned: the first parts of all names in it, those too that are no unit here.
        digest: of everything that this came from.
        is_whole: whether all of the code could be read.
        named_by_hiera: the texts in the values of each key of Hiera: classes that code includes may be among them.
    """

    units: Mapping[tuple[str, str], Unit]
    aliases: Mapping[str, Type]
    dependencies: Mapping[str, list[Mapping[str, str]]]
    versions: Mapping[str, str]
    module_names: frozenset[str]
    mentioned: frozenset[str]
    digest: str
    is_whole: bool = True
    named_by_hiera: Callable[[str], Iterable[str]] = lambda _: ()
    _reached: dict[str, Reach] = field(default_factory=dict)

    def beside(self, directories: Iterable[str]) -> "PuppetCode":
        """The same beside directories of code that could not be read: it may look any key up."""
        unknown = {
            ("file", name): Unit("file", name, {}, frozenset(), (), frozenset({ANY})) for name in sorted(directories)
        }
        return replace(self, units={**self.units, **unknown}) if unknown else self

    @cached_property
    def classes(self) -> Mapping[str, Unit]:
        """The classes by name."""
        return {name: unit for (kind, name), unit in self.units.items() if kind == "class"}

    @cached_property
    def roles(self) -> list[str]:
        """The roles that a machine can have."""
        return sorted(name.removeprefix(ROLE_PREFIX) for name in self.classes if name.startswith(ROLE_PREFIX))

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """What Hiera may set by key: the parameters of classes."""
        return {
            f"{unit.name}::{name}": replace(
                parameter, type=_TOLD_BY_THE_MODULE.get(f"{unit.name}::{name}", parameter.type)
            )
            for unit in self.classes.values()
            for name, parameter in unit.parameters.items()
        }

    @cached_property
    def lookups(self) -> frozenset[str]:
        """The keys that any code looks up by name."""
        return frozenset(name for unit in self.units.values() for name in unit.lookups)

    def looks_up(self, key: str) -> bool:
        """Whether any code looks a key up."""
        return looked_up(key, self.lookups)

    def reach(self, role: str) -> Reach:
        """What may take part in the catalog of a machine of a role."""
        if role not in self._reached:
            units = list(self._closure(role))
            self._reached[role] = Reach(
                frozenset(unit.name for unit in units if unit.kind == "class"),
                frozenset(key for unit in units for key in unit.lookups),
            )
        return self._reached[role]

    def _closure(self, role: str) -> Iterator[Unit]:
        by_name: dict[str, list[Unit]] = {}
        for unit in self.units.values():
            by_name.setdefault(unit.name, []).append(unit)
        waiting = list(by_name.get("", [])) + list(by_name.get(ROLE_PREFIX + role, []))
        waiting += [unit for unit in self.units.values() if unit.kind == "file"]
        seen: set[str] = set()
        while waiting:
            unit = waiting.pop()
            yield unit
            for name in self._named_by(unit, by_name):
                if name not in seen:
                    seen.add(name)
                    waiting += by_name[name]

    def _named_by(self, unit: Unit, names: Collection[str]) -> Iterator[str]:
        yield from unit.mentions
        keys = {*unit.lookups, *([f"{unit.name}::{ANY}"] if unit.includes_any and unit.kind == "class" else [])}
        for key in keys:
            yield from (name for name in self.named_by_hiera(key) if name in names)
        if (
            unit.kind == "main"
            and unit.includes_any
            and not unit.lookups
            and not any("::" in one for one in unit.prefixes)
        ):
            yield from self.classes  # a fact or an ENC names them
        for prefix in unit.prefixes:
            # The main manifest's own prefix stands for the role, which is known here.
            if "::" in prefix and not (unit.kind == "main" and prefix == ROLE_PREFIX):
                yield from (name for name in names if name.startswith(prefix))


def load(answer: Mapping[str, Any], digest: str, *, is_whole: bool = True) -> PuppetCode:
    """Make PuppetCode of the "code" that puppet_code.rb answered."""
    units = {}
    for each in answer["units"]:
        parameters = {name: Parameter(said["type"], said["optional"]) for name, said in each["parameters"].items()}
        units[each["kind"], each["name"]] = Unit(
            each["kind"], each["name"], parameters, frozenset(each["mentions"]) - {""}, tuple(each["prefixes"]),
            frozenset(each["lookups"]), each["includes_any"],
        )  # fmt: skip
    modules = answer["modules"]
    return PuppetCode(
        units, answer["aliases"],
        {module["slug"]: module["dependencies"] for module in modules if module["slug"]},
        {module["slug"]: module["version"] for module in modules if module["slug"] and module["version"]},
        frozenset(module["name"] for module in modules), frozenset(answer["mentioned"]), digest, is_whole,
    )  # fmt: skip
