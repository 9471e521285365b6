"""What a service or a file says, as a terminal may have it."""

import unicodedata


def printable(text: str) -> str:
    """Return a text in which no character moves the cursor, changes colours or hides others: each is written out.

    Line ends and tabs stay. What is written out looks as in a Python string: `\\x1b`, `\\u202e`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
