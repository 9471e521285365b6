"""How the Puppetfile names and pins modules."""

import re
from collections.abc import Collection, Iterator, Mapping

from fleet_cli.repository.finding import Finding, nearest
from fleet_cli.validation.puppetfile import NAME, Module, Puppetfile

_SLUG = re.compile(r"[A-Za-z0-9]+[-/][a-z][a-z0-9_]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_TAG = re.compile(r"(?:\w+[-/])?v?\d+(?:\.\d+)+(?:[-.+]\w+)*")
"""What a tag of a release looks like; `9.x` is none."""
_NEAR = 0.9


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
        if module.is_local:
            continue
        found += _source_problems(module) if module.is_from_elsewhere else _pin_problems(module, known)
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
    elif module.slug not in known and (near := nearest(module.slug, known, _NEAR)):
        # Of all modules of the Forge but a few are known here: only what is all but one of these is misspelt.
        message = f"no module '{module.slug}' is known"
        yield Finding(NAME, module.line, module.column, "unknown-module", message, f"did you mean '{near}'?")


def _source_problems(module: Module) -> Iterator[Finding]:
    options = module.options
    for name in ("branch", "ref", "commit"):
        token = options.get(name)
        if token is None:
            continue
        if _COMMIT.fullmatch(token.text) or (name == "ref" and _TAG.fullmatch(token.text)):
            return
        if token.text == ":control_branch":
            return  # it goes along with the branch of this repository, which is what is wanted
        if name != "branch" and _SHORT_COMMIT.fullmatch(token.text):
            message = f"module '{module.slug}' is pinned to the short commit '{token.text}'"
            yield Finding(NAME, token.line, token.column, "unpinned-module", message, "write all 40 digits of it")
        else:
            message = f"module '{module.slug}' is pinned to the {name} '{token.text}', which may move"
            yield Finding(NAME, token.line, token.column, "unpinned-module", message, "pin it: commit: 'SHA' in full")
        return
    lacks, fixes, pin = "commit", {"tag"}, "pin it: commit: 'SHA' in full"
    if "tarball" in options or ("type" in options and options["type"].text.lstrip(":") == "tarball"):
        lacks, fixes, pin = "SHA-256", {"version", "checksum", "sha256sum"}, "pin it: version: 'SHA-256'"
    elif "svn" in options:
        lacks, fixes, pin = "revision", {"revision", "rev"}, "pin it: revision: 'NUMBER'"
    if not fixes & options.keys():
        message = f"module '{module.slug}' has no {lacks}: each deploy may fetch another one"
        yield Finding(NAME, module.line, module.column, "unpinned-module", message, pin)


def off_the_modulepath(
    puppetfile: Puppetfile, modulepath: Collection[str], at_hand: Collection[str], mentioned: Collection[str]
) -> Iterator[Finding]:
    """A moduledir in which Puppet never looks, although modules in it are used, or known here.

    Args:
        puppetfile: what was read.
        modulepath: the directories of environment.conf.
        at_hand: the names of modules of the Puppetfile of which the code is known.
        mentioned: the modules that the repository's code names.
    """
    wanted = [module.name for module in puppetfile.modules if module.name in at_hand or module.name in mentioned]
    if wanted and puppetfile.moduledir not in modulepath:
        message = f"the moduledir '{puppetfile.moduledir}' is not on the modulepath: Puppet finds no module in it"
        suggestion = f"add it to the modulepath in environment.conf: {':'.join([*modulepath, puppetfile.moduledir])}"
        yield Finding(NAME, puppetfile.moduledir_line, 1, "module-path", message, suggestion)
