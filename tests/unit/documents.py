"""Markdown documents checked: each fleet command line in them is one, and each link leads somewhere. Nothing is run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import click
from fleet_cli.cli import fleet
from fleet_cli.commands.rollout import WithDefault

FLEET = ("fleet", "scripts/fleet")
SEPARATORS = ("&&", "||", "|", ";", ">", ">>", "<", "2>")
"""What ends a command in a shell; what follows may be another one."""

_FENCE = re.compile(r"(?:```|~~~)")
_HEADING = re.compile(r"#{1,6} +(.*?) *#*$")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)((?:[^`\n]|\n(?!\s*\n))+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(<?([^()\s>]+)>?(?: \"[^\"]*\")?\)")
_PLACEHOLDER = re.compile(r"[A-Z]{2,}[A-Z0-9_]*(?:[./-][\w.]+)?")
"""A word that stands for what a reader puts there: NAME, FILE.deb."""

_PATH = re.compile(
    r"(?:benchmarks|data|docs|examples|files|functions|lib|manifests|modules|scripts|site|tests)/[a-z0-9_./-]+"
)
"""A path below one of these folders, without a placeholder in it."""


@dataclass(frozen=True)
class Said:
    """A piece of a document, and the line on which it begins."""

    line: int
    text: str


class Document:
    """A Markdown file, as far as this check needs it.

    Attributes:
        name: its path below the repository.
        code: the lines of its code blocks.
        headings: the texts of its headings.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.code: list[Said] = []
        self.headings: list[str] = []
        prose = []
        fenced = indented = False
        blank = True
        for number, line in enumerate(text.split("\n"), 1):
            fence = _FENCE.match(line)
            indented = not fenced and line.startswith("    ") and (blank or indented)
            if fenced or indented:
                if not fence:
                    self.code.append(Said(number, line.strip()))
            elif heading := _HEADING.match(line):
                self.headings.append(heading[1])
            prose.append("" if fence or fenced or indented else line)
            fenced ^= bool(fence)
            blank = not line.strip()
        self._prose = "\n".join(prose)

    @cached_property
    def spans(self) -> list[Said]:
        """The pieces of code in its sentences and tables."""
        found = _SPAN.finditer(self._prose)
        return [Said(self._line(each.start()), " ".join(each[2].replace("\\|", "|").split())) for each in found]

    @cached_property
    def links(self) -> list[Said]:
        """The targets of its links."""
        without_code = _SPAN.sub(lambda each: re.sub(r"[^\n]", "x", each[0]), self._prose)
        return [Said(self._line(each.start(1)), each[1]) for each in _LINK.finditer(without_code)]

    @cached_property
    def anchors(self) -> set[str]:
        """The fragments under which its headings are reached, as GitHub makes them."""
        result: set[str] = set()
        for heading in self.headings:
            words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
            slug = words.replace(" ", "-")
            number = 0
            while (anchor := f"{slug}-{number}" if number else slug) in result:
                number += 1
            result.add(anchor)
        return result

    def _line(self, position: int) -> int:
        return self._prose.count("\n", 0, position) + 1


def read(repo: Path, name: str) -> Document:
    """Read a document of a repository."""
    return Document(name, (repo / name).read_text(encoding="utf-8"))


def command_problems(document: Document) -> Iterator[str]:
    """What is wrong with the fleet command lines of a document: its file, the line, and why."""
    for said in document.code:
        yield from _told(document, said, whole=True)
    for said in document.spans:
        if said.text.startswith(tuple(f"{word} " for word in FLEET)):
            yield from _told(document, said, whole=False)


def commands_named(document: Document) -> set[str]:
    """The commands, such as `lab up`, that a document names in its sentences and tables."""
    words = [said.text.split() for said in document.spans]
    return {" ".join(each[1:length]) for each in words if each and each[0] in FLEET for length in (2, 3)}


def members(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """The commands of a group, with their names."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command, name
        yield name, command


def all_commands(group: click.Group = fleet) -> Iterator[str]:
    """The commands that there are, as a user types them."""
    for name, command in members(group):
        below = all_commands(command) if isinstance(command, click.Group) else None
        yield from (f"{name} {each}" for each in below) if below else (name,)


def option_problems(document: Document) -> Iterator[str]:
    """What is wrong with the options that a document names by themselves, as `--json`: each is one of some command."""
    for said in document.spans:
        option = re.split(r"[ =|]", said.text)[0]
        if option.startswith("--") and option not in _all_options():
            why = f"no fleet command has the option {option}; if another program has it, name that before it"
            yield f"{document.name}:{said.line}: {why}"


def link_problems(repo: Path, document: Document) -> Iterator[str]:
    """What is wrong with the links of a document into its repository."""
    for said in document.links:
        if re.match(r"[a-z][a-z0-9+.-]*:", said.text):
            continue
        path, _, anchor = said.text.partition("#")
        target = (repo / document.name).parent / path if path else repo / document.name
        where = f"{document.name}:{said.line}"
        if not target.resolve().is_relative_to(repo.resolve()):
            yield f"{where}: {said.text} leads out of the repository"
        elif not target.exists():
            yield f"{where}: there is no file {path}"
        elif anchor and anchor not in Document(path, target.read_text(encoding="utf-8")).anchors:
            yield f"{where}: {path or document.name} has no heading #{anchor}"


def path_problems(roots: list[Path], document: Document) -> Iterator[str]:
    """What is wrong with the paths of code that a document names: each, as `functions/paths.pp`, is below a root."""
    for said in document.spans:
        if _PATH.fullmatch(said.text) and not any((root / said.text).exists() for root in roots):
            yield f"{document.name}:{said.line}: there is no file {said.text}"


def _told(document: Document, said: Said, *, whole: bool) -> Iterator[str]:
    if not any(word in said.text for word in FLEET):
        return
    try:
        words = shlex.split(said.text.removeprefix("$ "), comments=True)
    except ValueError:
        return  # what a program has printed
    for command in _commands(words):
        for problem in _faults(command, whole=whole):
            yield f"{document.name}:{said.line}: {shlex.join(['fleet', *command])}: {problem}"


def _commands(words: list[str]) -> Iterator[list[str]]:
    """The arguments of each call of fleet; of words with alternatives, `A|B`, a call each."""
    segment: list[str] = []
    for word in [*words, ";"]:
        if word not in SEPARATORS:
            segment.append(word)
            continue
        if segment and segment[0] in FLEET:
            yield from _alternatives([_plain(each) for each in segment[1:] if _plain(each)])
        segment = []


def _plain(word: str) -> str:
    """A word without the marks of a synopsis: brackets for what may be left out, dots for what may be repeated."""
    return re.sub(r"^\[+|\]+$|\]*(?:…|\.\.\.)\]*$", "", word)


def _alternatives(words: list[str]) -> Iterator[list[str]]:
    first = [word.partition("|")[0] for word in words]
    yield first
    for place, word in enumerate(words):
        for other in word.split("|")[1:]:
            yield [*first[:place], other, *first[place + 1 :]]


def _faults(words: list[str], *, whole: bool) -> Iterator[str]:
    """What is wrong with a call of fleet.

    Args:
        words: its arguments.
        whole: whether it is to be complete; a sentence may name a command without its arguments.
    """
    command: click.Command = fleet
    context = click.Context(command, info_name="fleet", **command.context_settings)
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
        while isinstance(command, click.Group) and rest and not _PLACEHOLDER.fullmatch(rest[0]):
            name, *words = rest
            found = command.get_command(context, name)
            if found is None:
                yield f"there is no command {name!r}"
                return
            command = found
            if isinstance(command, WithDefault):
                words = command.with_default(words)
            context = click.Context(command, parent=context, info_name=name, **command.context_settings)
            given, rest, _ = command.make_parser(context).parse_args(list(words))
        if isinstance(command, click.Group) or given.get("help"):
            return
        if rest and not context.allow_extra_args:
            yield f"unexpected argument {rest[0]!r}"
        for parameter in command.params:
            _check(parameter, context, given.get(parameter.name or ""), whole=whole or bool(words))
    except click.UsageError as error:
        yield error.format_message()


def _check(parameter: click.Parameter, context: click.Context, value: Any, *, whole: bool) -> None:
    """See to it that what is given for a parameter will do; whether files are there is no matter.

    Raises:
        click.UsageError: it won't do.
    """
    values = [each for each in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(each, str)]
    is_argument = isinstance(parameter, click.Argument)
    if is_argument and parameter.required and not values and whole:
        raise click.MissingParameter(ctx=context, param=parameter)
    if any(_PLACEHOLDER.fullmatch(each) for each in values[:1]):
        return
    for each in values:
        if not isinstance(parameter.type, (click.Path, click.File)) and not _PLACEHOLDER.fullmatch(each):
            parameter.type.convert(each, parameter, context)
    if is_argument and parameter.callback and values:
        parameter.callback(context, parameter, tuple(values))


@lru_cache
def _all_options() -> frozenset[str]:
    """The options of all commands."""

    def of(command: click.Command) -> Iterator[str]:
        for parameter in command.get_params(click.Context(command)):
            yield from (*parameter.opts, *parameter.secondary_opts)
        for _, each in members(command) if isinstance(command, click.Group) else ():
            yield from of(each)

    return frozenset(of(fleet))
