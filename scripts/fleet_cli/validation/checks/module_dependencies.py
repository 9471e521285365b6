"""What modules need, as their metadata.json says, against what the Puppetfile pins."""

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from fleet_cli.repository.finding import Finding
from fleet_cli.validation.puppetfile import NAME, Module, Puppetfile

_TERM = re.compile(r"(>=|<=|<|>|=|~>|\^|~)?\s*(\d+(?:\.(?:\d+|x))*)")


def findings(
    puppetfile: Puppetfile,
    dependencies: Mapping[str, list[Mapping[str, str]]],
    own: Mapping[str, str],
    names: Collection[str] | None = (),
    texts: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> Iterator[Finding]:
    """What the modules' metadata asks for and neither the Puppetfile nor the repository brings.

    Args:
        puppetfile: what was read.
        dependencies: those of each module that is at hand, by slug, as metadata.json has them.
        own: the versions of the modules that the repository itself holds, by slug.
        names: those of all modules that are at hand: Puppet goes by these alone, whoever a module's owner is; None
            where others may be on the server.
        texts: path and text of the metadata.json of the repository's own modules, by slug.
    """
    pins = {module.slug: module for module in reversed(puppetfile.modules)}
    here = {*(names or ()), *(module.name for module in puppetfile.modules), *(slug.partition("-")[2] for slug in own)}
    for slug, wanted in dependencies.items():
        if slug not in pins and slug not in own:
            continue
        for entry in wanted:
            needed, requirement = entry["name"].replace("/", "-"), entry.get("version_requirement", "")
            place = _place(slug, needed, pins, texts)
            pinned = pins.get(needed)
            version = (pinned.pin if pinned else None) or own.get(needed)
            if needed.partition("-")[2] not in here:
                if names is None:
                    continue
                message = f"'{slug}' needs '{needed}'{requirement and ' ' + requirement}, which is not here"
                yield Finding(*place, "missing-dependency", message, f"add mod '{needed}'")
            elif version and not satisfies(version, requirement):
                message = f"'{slug}' needs '{needed}' {requirement}, and {version} is pinned"
                spot = (NAME, pinned.version.line, pinned.version.column) if pinned and pinned.version else place
                yield Finding(*spot, "unmet-dependency", message, f"pin one that is {requirement}")


def _place(
    slug: str, needed: str, pins: Mapping[str, Module], texts: Mapping[str, tuple[str, str]]
) -> tuple[str, int, int]:
    """Where it is said that a module is here, or what it needs."""
    if slug in pins or slug not in texts:
        module = pins.get(slug)
        return (NAME, module.line, module.column) if module else (NAME, 1, 1)
    name, text = texts[slug]
    owner, _, title = needed.partition("-")
    spellings = re.compile(f'"{re.escape(owner)}[-/]{re.escape(title)}"')
    for number, line in enumerate(text.splitlines(), 1):
        if found := spellings.search(line):
            return name, number, found.start() + 1
    return name, 1, 1


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
