"""How the Puppetfile names and pins modules."""

import re
from collections.abc import Iterator, Mapping

from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.validation.puppetfile import NAME, Module, Puppetfile

_SLUG = re.compile(r"[A-Za-z0-9]+[-/][a-z][a-z0-9_]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def findings(puppetfile: Puppetfile, known: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with how modules are named and pinned.

    Args:
        puppetfile: what was read.
        known: the version at which each module that is at hand is, by slug.
    """
    found = list(puppetfile.findings)
    seen: dict[str, Module] = {}
    for module in puppetfile.modules:
        if module.name in seen:
            message = f"'{module.slug}' is on line {seen[module.name].line} already"
            found.append(Finding(NAME, module.line, module.column, "duplicate-module", message, "drop one of them"))
        seen.setdefault(module.name, module)
        if {"git", "svn"} & set(module.options) or module.options.get("type"):
            found += _source_problems(module)
        elif "local" not in module.options:
            found += _pin_problems(module, known)
    return found


def _pin_problems(module: Module, known: Mapping[str, str]) -> Iterator[Finding]:
    place = module.version or module
    version = known.get(module.slug)
    pin = f"pin it: mod '{module.slug}', '{version}'" if version else f"pin it: mod '{module.slug}', 'X.Y.Z'"
    if not _SLUG.fullmatch(module.slug):
        message = f"'{module.slug}' is no name of a module on the Forge"
        yield Finding(NAME, module.line, module.column, "module-name", message, "write OWNER-NAME")
    elif module.version is None or module.version.text == ":latest":
        message = f"module '{module.slug}' has no version: each deploy may fetch another one"
        yield Finding(NAME, place.line, place.column, "unpinned-module", message, pin)
    elif not module.pin:
        message = f"'{module.version.text}' is not one exact version of '{module.slug}'"
        yield Finding(NAME, place.line, place.column, "unpinned-module", message, pin)
    elif module.slug not in known and (near := did_you_mean(module.slug, known)):
        message = f"no module '{module.slug}' is known"
        yield Finding(NAME, module.line, module.column, "unknown-module", message, near)


def _source_problems(module: Module) -> Iterator[Finding]:
    options = module.options
    fixed = options.get("commit") or options.get("tag")
    for name in ("branch", "ref", "commit"):
        if (token := options.get(name)) and not (name != "branch" and _COMMIT.fullmatch(token.text)):
            message = f"module '{module.slug}' is pinned to the {name} '{token.text}', which may move"
            yield Finding(NAME, token.line, token.column, "unpinned-module", message, "pin it: commit: 'SHA' in full")
            return
    lacks, pin = "commit", "pin it: commit: 'SHA' in full"
    if "type" in options and options["type"].text.lstrip(":") == "tarball":
        fixed, lacks, pin = options.get("version") or options.get("checksum"), "SHA-256", "pin it: version: 'SHA-256'"
    elif "svn" in options:
        fixed, lacks, pin = options.get("revision") or options.get("rev"), "revision", "pin it: revision: 'NUMBER'"
    if not fixed and "ref" not in options:
        message = f"module '{module.slug}' has no {lacks}: each deploy may fetch another one"
        yield Finding(NAME, module.line, module.column, "unpinned-module", message, pin)
