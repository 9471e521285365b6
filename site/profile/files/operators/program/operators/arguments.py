"""Arguments, each against what it may be: what passes here is handed to programs that do what root can."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from operators.errors import UsageError

SHOWN = 60
"""So much of an argument is repeated in a message."""


@dataclass(frozen=True)
class Kind:
    """What an argument may be, and how that is called in a message."""

    name: str
    pattern: str
    longest: int

    def check(self, text: str) -> str:
        """Return an argument; UsageError if it is none of this kind."""
        if len(text) > self.longest or not re.fullmatch(self.pattern, text, re.ASCII):
            raise UsageError(f"{shown(text)} is no {self.name}")
        return text


SERVICE = Kind("service's name", r"[a-z][a-z0-9]*(-[a-z0-9]+)*", 32)
RELEASE = Kind("release", r"[A-Za-z0-9][A-Za-z0-9._-]*\.[0-9a-f]{8}", 200)
ENVIRONMENT = Kind("branch or commit", r"[a-z0-9_]+", 100)
COMMIT = Kind("commit of 40 digits", r"[0-9a-f]{40}", 40)
TIER = Kind("tier", r"[a-z][a-z0-9_]*", 60)
NODE = Kind("node's certname", r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", 253)
CERTNAME = Kind("node's certname, a lower-case name with a domain", r"[a-z0-9-]+(\.[a-z0-9-]+)+", 253)
WORD = Kind("role: lower-case letters, digits and underscores", r"[a-z][a-z0-9_]*", 60)
NUMBER = Kind("number", r"[0-9]{1,9}", 9)
TIME = Kind("time such as 30m, 2h or 1d", r"([0-9]{1,6}[smhd])+", 20)
PACKAGE = Kind("package's name", r"[a-z0-9][a-z0-9+.-]+", 100)
PACKAGE_FILE = Kind("package's file name", r"[a-z0-9][a-z0-9+.-]*_[A-Za-z0-9.+~%-]+_[a-z0-9-]+\.deb", 200)


@dataclass
class Given:
    """What was said of a command.

    Attributes:
        words: what stands alone.
        flags: options without a value.
        values: options with one, in their order.
    """

    words: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    values: list[tuple[str, str]] = field(default_factory=list)

    def named(self, option: str) -> list[str]:
        """Return the values of an option."""
        return [value for name, value in self.values if name == option]


def parse(
    arguments: Sequence[str],
    *,
    words: Sequence[Kind] = (),
    flags: Sequence[str] = (),
    options: Mapping[str, Kind] | None = None,
    repeated: Sequence[str] = (),
) -> Given:
    """Return what was said.

    Args:
        arguments: the arguments.
        words: what may stand alone, in this order; none of them has to.
        flags: options without a value.
        options: options whose value is the next argument. No abbreviations, and no `--option=value`.
        repeated: those of them that may be given more than once.

    Raises:
        UsageError: something else is among them, or something twice.
    """
    given = Given()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument in flags and argument not in given.flags:
            given.flags.add(argument)
        elif options and argument in options and (argument in repeated or not given.named(argument)):
            if not rest:
                raise UsageError(f"{argument} needs a {options[argument].name}")
            given.values.append((argument, options[argument].check(rest.pop(0))))
        elif len(given.words) < len(words) and not argument.startswith("-"):
            given.words.append(words[len(given.words)].check(argument))
        else:
            raise UsageError(f"{shown(argument)} is not expected here")
    return given


def none(arguments: Sequence[str]) -> None:
    """Accept no argument at all; UsageError if there is one."""
    parse(arguments)


def shown(text: str) -> str:
    """Return an argument as a message has it: on one line, with quotes, and not longer than a line."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
