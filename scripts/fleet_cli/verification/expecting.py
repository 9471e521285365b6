"""What a check says when it fails: what was looked at, what was expected and what was found, or what is not known."""

SILENT = "the node does not say it"
"""Why a check is skipped whose node said nothing: that is a failure of its own, and told once."""


class Finding(AssertionError):
    """A check failed: its text is a sentence for people."""


class NotKnown(Finding):
    """It can't be known whether something is as declared."""


class Differs(Finding):
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
