"""What modules need, as their metadata.json says, against what the Puppetfile pins."""

import re
from collections.abc import Iterator, Mapping

from fleet_cli.repository.finding import Finding
from fleet_cli.validation.puppetfile import NAME, Module, Puppetfile

_TERM = re.compile(r"(>=|<=|<|>|=|~>|\^|~)?\s*(\d+(?:\.(?:\d+|x))*)")


def findings(
    puppetfile: Puppetfile, dependencies: Mapping[str, list[Mapping[str, str]]], own: Mapping[str, str]
) -> Iterator[Finding]:
    """What the modules' metadata asks for and the Puppetfile does not bring.

    Args:
        puppetfile: what was read.
        dependencies: those of each module that is at hand, by slug, as metadata.json has them.
        own: the versions of the modules that the repository itself holds, by slug.
    """
    pins = {module.slug: module for module in reversed(puppetfile.modules)}
    first = puppetfile.modules[0] if puppetfile.modules else Module("", 1, 1)
    for slug, wanted in dependencies.items():
        if slug not in pins and slug not in own:
            continue
        place = pins.get(slug, first)
        for entry in wanted:
            needed, requirement = entry["name"].replace("/", "-"), entry.get("version_requirement", "")
            pinned = pins.get(needed)
            version = (pinned.pin if pinned else None) or own.get(needed)
            if pinned is None and needed not in own:
                message = f"'{slug}' needs '{needed}' {requirement}, which is not here"
                yield Finding(NAME, place.line, place.column, "missing-dependency", message, f"add mod '{needed}'")
            elif version and not satisfies(version, requirement):
                message = f"'{slug}' needs '{needed}' {requirement}, and {version} is pinned"
                spot = pinned.version if pinned and pinned.version else place
                yield Finding(
                    NAME, spot.line, spot.column, "unmet-dependency", message, f"pin one that is {requirement}"
                )


def satisfies(version: str, requirement: str) -> bool:
    """Whether a version is in a range as metadata.json has it, such as `>= 9.0.0 < 10.0.0` or `9.x`."""
    own = _numbers(version)
    return all(_term(own, operator, bound) for operator, bound in _TERM.findall(requirement))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("-")[0])[:3])


def _term(own: tuple[int, ...], operator: str, text: str) -> bool:  # noqa: PLR0911 - a line an operator
    bound = _numbers(text)
    match operator:
        case ">=":
            return own >= bound
        case "<=":
            return own <= bound
        case "<":
            return own < bound
        case ">":
            return own > bound
        case "~>" | "~":
            return own >= bound and own[: max(len(bound) - 1, 1)] == bound[: max(len(bound) - 1, 1)]
        case "^":
            return own >= bound and own[:1] == bound[:1]
    return own[: len(bound)] == bound
