"""The Puppetfile: which modules, each at exactly which version. Read as text, since it is a program that r10k runs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fleet_cli.repository.finding import Finding, did_you_mean

NAME = "Puppetfile"
_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<key>[a-z_]\w*:(?!:))|(?P<symbol>:[a-z_]\w*)|(?P<arrow>=>)|(?P<comma>,)|(?P<word>[A-Za-z_]\w*)|(?P<other>.)""",
    re.VERBOSE,
)
_SLUG = re.compile(r"[A-Za-z0-9]+[-/][a-z][a-z0-9_]*")
_EXACT = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TERM = re.compile(r"(>=|<=|<|>|=|~>|\^|~)?\s*(\d+(?:\.(?:\d+|x))*)")


@dataclass(frozen=True)
class Token:
    """A piece of the text, and where it stands."""

    kind: str
    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Module:
    """One `mod` of the Puppetfile.

    Attributes:
        slug: `owner-name`, or the name alone for one that is not on the Forge.
        line, column: where the name stands.
        version: the version's token; None if it has none.
        options: its other arguments by name.
    """

    slug: str
    line: int
    column: int
    version: Token | None = None
    options: Mapping[str, Token] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The directory that it is put in."""
        return self.slug.rpartition("-")[2]

    @property
    def pin(self) -> str | None:
        """The exact version of the Forge; None if there is none."""
        return self.version.text if self.version and _EXACT.fullmatch(self.version.text) else None


@dataclass
class Puppetfile:
    """What it says, and what is wrong with the way that it says it."""

    modules: list[Module] = field(default_factory=list)
    moduledir: str = ""
    findings: list[Finding] = field(default_factory=list)


def read(text: str) -> Puppetfile:
    """Read the text of a Puppetfile."""
    result = Puppetfile()
    for statement in _statements(text):
        head = statement[0]
        if head.text == "mod" and len(statement) > 1 and statement[1].kind == "text":
            result.modules.append(_module(statement, result.findings))
        elif head.text == "moduledir" and len(statement) == 2:
            result.moduledir = statement[1].text
        elif head.text != "forge":
            message = f"'{head.text}' is not understood here"
            _add(result.findings, head, "puppetfile-syntax", message, "write mod 'OWNER-NAME', 'VERSION'")
    return result


def _add(findings: list[Finding], token: Token | Module, code: str, message: str, suggestion: str = "") -> None:
    findings.append(Finding(NAME, token.line, token.column, code, message, suggestion))


def _tokens(text: str) -> Iterator[Token]:
    line, start = 1, 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        word = found[0][1:-1] if kind == "text" else found[0]
        if kind not in ("space", "comment"):
            yield Token(kind, word, line, found.start() - start + 1)
        if kind == "newline":
            line, start = line + 1, found.end()


def _statements(text: str) -> Iterator[list[Token]]:
    """The lines, each with those that a comma or an arrow at its end goes on in."""
    current: list[Token] = []
    for token in _tokens(text):
        if token.kind != "newline":
            current.append(token)
        elif current and current[-1].kind not in ("comma", "arrow", "key"):
            yield current
            current = []
    if current:
        yield current


def _module(statement: list[Token], findings: list[Finding]) -> Module:
    name, rest = statement[1], statement[2:]
    version: Token | None = None
    options: dict[str, Token] = {}
    while rest:
        if rest[0].kind != "comma":
            _add(findings, rest[0], "puppetfile-syntax", f"'{rest[0].text}' where a comma was expected")
            break
        match [token.kind for token in rest[1:4]]:
            case ["symbol", "arrow", _]:
                options[rest[1].text[1:]], rest = rest[3], rest[4:]
            case ["text", "arrow", _]:
                options[rest[1].text], rest = rest[3], rest[4:]
            case ["key", _, *_]:
                options[rest[1].text[:-1]], rest = rest[2], rest[3:]
            case ["text" | "symbol", *_] if version is None:
                version, rest = rest[1], rest[2:]
            case _:
                _add(findings, rest[0], "puppetfile-syntax", "what follows this comma is not understood")
                break
    return Module(name.text.replace("/", "-"), name.line, name.column, version, options)


def check(puppetfile: Puppetfile, known: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with how modules are named and pinned.

    Args:
        puppetfile: what was read.
        known: the version at which each module that is at hand is, by slug.
    """
    findings = list(puppetfile.findings)
    seen: dict[str, Module] = {}
    for module in puppetfile.modules:
        if module.name in seen:
            _add(findings, module, "duplicate-module", f"'{module.slug}' is on line {seen[module.name].line} already",
                 "drop one of them")  # fmt: skip
        seen.setdefault(module.name, module)
        if {"git", "svn", "tarball"} & set(module.options) or module.options.get("type"):
            findings += _source_problems(module)
        elif "local" not in module.options:
            findings += _pin_problems(module, known)
    return findings


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
    if not fixed and "ref" not in options and "sha256sum" not in options:
        message = f"module '{module.slug}' has no commit: each deploy may fetch another one"
        yield Finding(NAME, module.line, module.column, "unpinned-module", message, "pin it: commit: 'SHA' in full")


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


def dependency_problems(
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
