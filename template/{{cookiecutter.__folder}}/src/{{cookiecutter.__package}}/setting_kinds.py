"""What a setting may be. Each kind checks a text by what it says as JSON Schema, so that the two can not differ.

Any other function that takes the text may stand in its place, if its ValueError says what was expected: then the schema
says nothing of the values of that setting.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Kind(ABC):
    """A kind of settings: called with a text it gives the value, or a ValueError that says what was expected."""

    @abstractmethod
    def __call__(self, text: str) -> Any:
        """See class."""

    @property
    @abstractmethod
    def expected(self) -> str:
        """What is expected, in words."""

    @property
    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema: of the number, where it is one."""


@dataclass(frozen=True)
class OneOf(Kind):
    """One of some words."""

    words: tuple[str, ...]

    def __call__(self, text: str) -> str:
        if text not in self.words:
            raise ValueError(self.expected)
        return text

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.words)

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number within limits."""

    least: int
    most: int

    def __call__(self, text: str) -> int:
        # Python takes `1_0` and other scripts' digits for numbers, which no other reader of the file does.
        if not re.fullmatch(r"-?[0-9]{1,10}", text) or not self.least <= int(text) <= self.most:
            raise ValueError(self.expected)
        return int(text)

    @property
    def expected(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Number(Kind):
    """A number above one limit and up to another, such as one of seconds."""

    above: float
    most: float
    unit: str = ""

    def __call__(self, text: str) -> float:
        try:
            number = float(text) if re.fullmatch(r"[0-9.eE+-]+", text) else math.nan
        except ValueError:
            number = math.nan
        if not self.above < number <= self.most:
            raise ValueError(self.expected)
        return number

    @property
    def expected(self) -> str:
        return f"a number{self.unit and f' of {self.unit}'} above {self.above}, up to {self.most}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": self.above, "maximum": self.most}


@dataclass(frozen=True)
class Text(Kind):
    """A text in which a pattern is found, and what a function then makes of it; its ValueError refuses more."""

    words: str = "a text"
    pattern: str = ""
    convert: Callable[[str], Any] = str

    def __call__(self, text: str) -> Any:
        if not re.search(self.pattern, text):
            raise ValueError(self.expected)
        return self.convert(text)

    @property
    def expected(self) -> str:
        return self.words

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string"} | ({"pattern": self.pattern} if self.pattern else {})
