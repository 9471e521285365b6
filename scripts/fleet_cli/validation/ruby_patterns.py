"""Regular expressions of Ruby, as Puppet's data types have them, as those of Python and of JavaScript."""

import re
import warnings
from functools import lru_cache


@lru_cache(maxsize=1024)
def expression(source: str) -> re.Pattern[str]:
    """A regular expression of Ruby as one of Python; one that has no such form takes any text."""
    text = _posix(source)
    text = re.sub(_UNESCAPED + r"\\Z", r"\1(?=\\n?\\z)", text)
    text = re.sub(_UNESCAPED + r"\\z", r"\1\\Z", text)
    text = re.sub(r"\(\?<(?![=!])", "(?P<", text)
    # In Ruby ^ and $ are those of a line, always.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # To Ruby \s, \d and \w are about ASCII: a no-break space is no space.
            return re.compile(text, re.MULTILINE | re.ASCII)
        except re.error:
            return re.compile("")


def of_javascript(source: str) -> str | None:
    """A regular expression of Ruby as one of JavaScript; None if it has none that is known to mean the same."""
    text = source
    if text.startswith("(?x)"):
        # Between the parts of such an expression there may be space and comments.
        text = re.sub(r"\\\s|\[(?:\\.|[^\]\\])*\]|\\.|\s+|#[^\n]*", _without_space, text[4:])
    if re.search(r"\(\?(?![:=!<])|\(\?<(?![=!])|&&|\\[GKRX]|[*+?}]\+", text):
        return None
    text = re.sub(_UNESCAPED + r"\\A", r"\1^", _posix(text))
    text = re.sub(_UNESCAPED + r"\\[zZ]", r"\1$", text)
    # To JavaScript a no-break space is a space, to Ruby it is none.
    text = re.sub(r"\[(?:\\.|[^\]\\])*\]|\\[sS]|\\.", _space_of_ruby, text)
    return None if _UNSAYABLE in text else text


def _space_of_ruby(found: re.Match[str]) -> str:
    match found[0]:
        case r"\s":
            return f"[{_SPACE}]"
        case r"\S":
            return f"[^{_SPACE}]"
        case part if part.startswith("["):
            part = re.sub(_UNESCAPED + r"\\S", _UNSAYABLE, part)
            return re.sub(_UNESCAPED + r"\\s", lambda inside: inside[1] + _SPACE, part)
    return found[0]


def _without_space(found: re.Match[str]) -> str:
    return "" if found[0].isspace() or found[0].startswith("#") else found[0]


def _posix(text: str) -> str:
    text = re.sub(_UNESCAPED + r"\\h", r"\1[0-9a-fA-F]", text)
    return re.sub(r"\[:(\w+):\]", lambda found: _POSIX.get(found[1], ""), text)


_UNESCAPED = r"(?<!\\)((?:\\\\)*)"
_SPACE = r" \t-\r"
_UNSAYABLE = "\0"
_POSIX = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "xdigit": "0-9a-fA-F",
    "space": r"\s\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000", "blank": r" \t", "word": r"\w",
    "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip
