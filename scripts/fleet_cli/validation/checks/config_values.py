"""The values of services' config against the very versions that are pinned, by the schemas in their packages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.fixed_paths import FixedPaths
from fleet_cli.validation import settings_schema
from fleet_cli.validation.pinned import Given, Pinned, Where
from fleet_cli.validation.settings_schema import UnusableError, Value, Verdict

Deb = tuple[str, str]
"""A package and its version."""
_NAMED = 3


@dataclass
class Check:
    """Looks at the values, and notes which of them it could not judge.

    Attributes:
        schemas: the schemas of packages, each empty where a package has none.
    """

    schemas: Mapping[Deb, str]
    _without: dict[Deb, None] = field(default_factory=dict)
    _unusable: dict[Deb, str] = field(default_factory=dict)

    def findings(self, each_pinned: Iterable[Pinned]) -> Iterator[Finding]:
        """Values that a pinned version does not take; one for all versions that say the same of it."""
        told: dict[_Said, list[tuple[Pinned, Where]]] = {}
        takers: dict[tuple[str, Value], Deb] = {}
        for pinned in each_pinned:
            verdicts = self._verdicts(pinned) if pinned.values else {}
            for given, where in pinned.values.items():
                verdict = verdicts.get(given.value)
                if verdict and verdict.wrong:
                    told.setdefault(_Said(pinned.service.package, given, verdict), []).append((pinned, where))
                elif verdict:
                    takers[pinned.service.package, given.value] = pinned.deb
        for said, by in told.items():
            yield _finding(said, by, takers.get((said.package, said.given.value)))

    def notes(self) -> Iterator[str]:
        """What could not be judged, and why, once findings() are through."""
        if self._without:
            names = [" ".join(deb) for deb in sorted(self._without)]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            file = PurePath(FixedPaths("service").schema).name
            yield (
                f"values in config are not checked for {', '.join(names[:_NAMED])}{more}: "
                f"what they may be is not in the package ({file})"
            )
        for (name, version), reason in sorted(self._unusable.items()):
            schema = FixedPaths(name).schema
            yield f"values in config are not checked for {name} {version}: its {schema} can't be used: {reason}"

    def _verdicts(self, pinned: Pinned) -> Mapping[Value, Verdict | None]:
        schema = self.schemas.get(pinned.deb)
        if schema:
            try:
                return settings_schema.judge(schema, (given.value for given in pinned.values))
            except UnusableError as error:
                self._unusable[pinned.deb] = str(error)
        # That a package is nowhere is a finding of its own.
        elif schema is not None or not pinned.from_template:
            self._without[pinned.deb] = None
        return {}


class _Said(NamedTuple):
    """What versions of a package say alike of a value."""

    package: str
    given: Given
    verdict: Verdict


def _finding(said: _Said, by: Iterable[tuple[Pinned, Where]], taker: Deb | None) -> Finding:
    """A finding at the value; other versions of the package may take it."""
    debs: dict[Deb, Where] = {}
    related = set()
    for pinned, where in by:
        debs.setdefault(pinned.deb, {}).update(where)
        related |= {pinned.version.file, pinned.service.home.file}
    who = [f"{' '.join(deb)}, pinned in the {' and the '.join(sorted(where))}," for deb, where in sorted(debs.items())]
    refuse = "refuses" if len(who) == 1 else "refuse"
    value, file, line, column, written, (taker_file, taker_line) = said.given
    message = f"{' and '.join(who)} {refuse} '{value.key}' in section '{value.section}'"
    if taker_file:
        message += f", which is taken from here ({taker_file}:{taker_line})"
        related.add(taker_file)
    message += f": {said.verdict.wrong}"
    if written and not said.verdict.hidden:
        message += f" (YAML reads {written} as {value.text})"
    suggestion = f"{' '.join(taker)} takes it" if taker else said.verdict.suggestion
    return Finding(file, line, column, "wrong-setting", message, suggestion, frozenset(related))
