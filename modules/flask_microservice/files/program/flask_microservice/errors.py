"""What this program raises."""

from .printable import printable


class SwitchError(Exception):
    """What could not be done; the message says why, and what serves now."""


def reason(error: Exception) -> str:
    """Return an error as a terminal may have it: of the system's errors what is wrong, and with which file."""
    if isinstance(error, OSError) and error.strerror:
        file = error.filename2 or error.filename  # of a copy it is the target that has no room
        return printable(f"{error.strerror} ({file})" if file else error.strerror)
    return printable(str(error)) or type(error).__name__
