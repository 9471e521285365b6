"""What the program says when it can not do what it was asked."""


class SwitchError(Exception):
    """What could not be done; the message says why, and what serves now."""
