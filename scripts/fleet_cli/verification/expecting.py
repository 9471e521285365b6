"""What a check says when it fails: what was looked at, what was expected, and what was found."""


class Differs(AssertionError):
    """Something is not as declared."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        super().__init__(f"{what}: expected {_said(expected)}, found {_said(found)}")


def same(what: str, expected: object, found: object) -> None:
    """Fail unless what was found is what was expected.

    Raises:
        Differs: it is not.
    """
    if expected != found:
        raise Differs(what, expected, found)


def _said(value: object) -> str:
    return "nothing" if value in (None, "", [], {}) else str(value)
