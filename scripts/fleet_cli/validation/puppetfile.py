"""The Puppetfile: which modules, each at exactly which version. Read as text, since it is a program that r10k runs.

What Ruby's own words decide (`if`, `each`, a variable) is not known here: see Puppetfile.is_program.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet_cli.repository.finding import Finding

NAME = "Puppetfile"
R10KS_MODULEDIR = "modules"
"""Where r10k puts modules if the Puppetfile does not say it."""
_WORDS = ("mod", "moduledir", "forge")
_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<key>[a-z_]\w*:(?!:))|(?P<symbol>:[a-z_]\w*)|(?P<arrow>=>)|(?P<comma>,)|(?P<word>[A-Za-z_]\w*)|(?P<other>.)""",
    re.VERBOSE,
)
_EXACT = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")


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
    def is_from_elsewhere(self) -> bool:
        """Whether it is not from the Forge."""
        kind = self.options.get("type")
        return bool({"git", "svn", "tarball"} & set(self.options)) or (kind is not None and kind.text != "forge")

    @property
    def is_local(self) -> bool:
        """Whether it is the repository's own, which r10k leaves alone."""
        kind = self.options.get("type")
        return self.options.get("local", Token("", "false", 0, 0)).text != "false" or (
            kind is not None and kind.text == "local"
        )

    @property
    def said_version(self) -> str:
        """What is said of which of its versions it is, wherever it is from; empty if nothing is."""
        names = ("commit", "tag", "ref", "branch", "revision", "rev")
        said = [self.version, *(self.options.get(name) for name in names)]
        return next((token.text for token in said if token), "")

    @property
    def pin(self) -> str | None:
        """The exact version of the Forge; None if there is none."""
        return self.version.text if self.version and _EXACT.fullmatch(self.version.text) else None


@dataclass
class Puppetfile:
    """What it says, and what is wrong with the way that it says it.

    Attributes:
        modules: in their order.
        moduledir: where r10k puts them; empty without a Puppetfile.
        moduledir_line: where that is said.
        says_moduledir: whether it is said at all.
        findings: what is wrong.
        is_program: whether some of it is Ruby that only r10k can run.
        is_locked: whether another file says which versions are installed, those too that modules need.
    """

    modules: list[Module] = field(default_factory=list)
    moduledir: str = ""
    moduledir_line: int = 1
    findings: list[Finding] = field(default_factory=list)
    is_program: bool = False
    says_moduledir: bool = False
    is_locked: bool = False

    def directory_of(self, module: Module) -> str:
        """Return where r10k puts a module, below the control repository."""
        said = module.options.get("install_path")
        return f"{said.text.rstrip('/') if said else self.moduledir}/{module.name}"


def of(repo: Path) -> Puppetfile:
    """Read the Puppetfile of a control repository; without one there are no modules."""
    try:
        return read((repo / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Puppetfile()
    except UnicodeDecodeError:
        return Puppetfile(findings=[Finding(NAME, 1, 1, "not-utf-8", "it is not UTF-8", "save the file as UTF-8")])


def read(text: str) -> Puppetfile:
    """Read the text of a Puppetfile."""
    result = Puppetfile(moduledir=R10KS_MODULEDIR)
    for statement in map(_without_brackets, _statements(text)):
        head = statement[0]
        if any(token.kind == "text" and "#{" in token.text for token in statement):
            result.is_program = True
        elif head.text == "mod" and len(statement) > 1 and statement[1].kind == "text":
            result.modules.append(_module(statement, result.findings))
        elif head.text == "moduledir" and len(statement) == 2 and statement[1].kind == "text":
            result.moduledir, result.moduledir_line = statement[1].text.removeprefix("./").rstrip("/"), head.line
            result.says_moduledir = True
        elif head.kind == "word" and len(statement) > 1 and statement[1].kind == "text" and head.text not in _WORDS:
            message = f"'{head.text}' is not understood here"
            _add(result.findings, head, "puppetfile-syntax", message, "write mod 'OWNER-NAME', 'VERSION'")
        elif head.text != "forge":
            result.is_program = True
    return result


def _without_brackets(statement: list[Token]) -> list[Token]:
    """A statement without the parentheses around its arguments, and the braces around its options."""
    if len(statement) > 1 and statement[0].text in _WORDS and statement[1].text == "(" and statement[-1].text == ")":
        statement = [statement[0], *statement[2:-1]]
    opened = next((place for place, token in enumerate(statement) if token.text == "{"), None)
    if statement[0].text == "mod" and opened is not None and statement[-1].text == "}":
        return [*statement[:opened], *statement[opened + 1 : -1]]
    return statement


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
        elif current and current[-1].kind not in ("comma", "arrow", "key") and _closed(current):
            yield current
            current = []
    if current:
        yield current


def _closed(tokens: list[Token]) -> bool:
    """Whether no bracket of a `mod(` is open."""
    texts = [token.text for token in tokens if token.kind == "other"]
    return tokens[0].text != "mod" or all(texts.count(one) <= texts.count(end) for one, end in ("()", "{}"))


def _module(statement: list[Token], findings: list[Finding]) -> Module:
    name, rest = statement[1], statement[2:]
    version: Token | None = None
    options: dict[str, Token] = {}
    while rest:
        if rest[0].kind != "comma":
            _add(findings, rest[0], "puppetfile-syntax", f"'{rest[0].text}' where a comma was expected")
            break
        match [token.kind for token in rest[1:4]]:
            case []:
                break  # Ruby lets a comma stand at the end
            case ["symbol", "arrow", _]:
                options[rest[1].text[1:]], rest = rest[3], rest[4:]
            case ["text", "arrow", _]:
                options[rest[1].text], rest = rest[3], rest[4:]
            case ["key", _, *_]:
                options[rest[1].text[:-1]], rest = rest[2], rest[3:]
            case ["symbol", *_] if rest[1].text == ":local":
                options["local"], rest = rest[1], rest[2:]
            case ["text" | "symbol", *_] if version is None:
                version, rest = rest[1], rest[2:]
            case _:
                _add(findings, rest[0], "puppetfile-syntax", "what follows this comma is not understood")
                break
    slug = name.text.replace("/", "-")
    return Module(slug, name.line, name.column, version or options.get("version"), options)
