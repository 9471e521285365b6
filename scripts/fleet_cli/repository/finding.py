"""What validate tells: one thing that is wrong, at one place."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend.

    Attributes:
        file: its path below the repository.
        line, column: where in it, both from 1.
        code: what kind of mistake it is, one of codes.py; the same in every release.
        message: what is wrong.
        suggestion: what to write instead, or what to do; empty if that is not known.
        related: other files that the mistake is between; validating one of them shows it, too.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    suggestion: str = ""
    related: frozenset[str] = field(default=frozenset(), compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.code}: {self.message}" + (
            f"; {self.suggestion}" if self.suggestion else ""
        )

    def as_dict(self) -> dict[str, str | int]:
        """The members that a program gets."""
        return {
            "file": self.file, "line": self.line, "column": self.column,
            "code": self.code, "message": self.message, "suggestion": self.suggestion,
        }  # fmt: skip


def nearest(name: str, known: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The known name that `name` was most likely meant to be; None if none is so much like it, from 0 to 1."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion: the nearest of the known names, as a question; empty if none is near."""
    near = nearest(name, known)
    return f"did you mean '{near}'?" if near else ""
