"""Regular expressions of Ruby, as Puppet's data types have them, as those of Python."""

import re
import warnings
from functools import lru_cache


@lru_cache(maxsize=1024)
def expression(source: str) -> re.Pattern[str]:
    """A regular expression of Ruby as one of Python; one that has no such form takes any text."""
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\Z", r"\1(?=\\n?\\z)", source)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", text)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\h", r"\1[0-9a-fA-F]", text)
    text = re.sub(r"\[\[:(\w+):\]", lambda found: "[" + _POSIX.get(found[1], ""), text)
    text = re.sub(r"\[:(\w+):\]", lambda found: _POSIX.get(found[1], ""), text)
    text = re.sub(r"\(\?<(?![=!])", "(?P<", text)
    # In Ruby ^ and $ are those of a line, always.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(text, re.MULTILINE)
        except re.error:
            return re.compile("")


_POSIX = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "xdigit": "0-9a-fA-F",
    "space": r"\s", "blank": r" \t", "word": r"\w", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip
