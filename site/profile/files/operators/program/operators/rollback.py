"""fleet-rollback [--now] SERVICE [RELEASE]: a service serves a kept release again."""

import sys
from collections.abc import Sequence

from operators import arguments as checked
from operators import journal, places, programs
from operators.errors import UsageError
from operators.printable import printable


def main(arguments: Sequence[str]) -> int:
    """Go back; return the status of flask-microservice."""
    given = checked.parse(arguments, words=[checked.SERVICE, checked.RELEASE], flags=["--now"])
    words = [*given.words, *given.flags]
    if not given.words:
        raise UsageError("say which SERVICE is to go back, and to which RELEASE if not to the last one")
    done = programs.follow([places.FLASK_MICROSERVICE, "rollback", *words], capture=True)
    why = programs.last_line(done.stderr) or f"exit status {done.returncode}"
    journal.record("rollback", " ".join(words), f"{journal.FAILED}: {why}" if done.returncode else journal.DONE)
    print(printable(done.stderr), end="", file=sys.stderr)
    print(printable(done.stdout), end="")
    return done.returncode
