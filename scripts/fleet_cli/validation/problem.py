"""What a check of values says, before it is known in which file they are."""

from typing import NamedTuple


class Problem(NamedTuple):
    """What is wrong with a value, and where.

    Attributes:
        line, column: from 1.
        code: of the finding.
        message: what is wrong.
        suggestion: what to do; empty if nothing can be said.
    """

    line: int
    column: int
    code: str
    message: str
    suggestion: str = ""
