"""What a person is told, in one line."""


class Failure(Exception):
    """It could not be done; the message says why."""

    status = 1


class UsageError(Failure):
    """It is asked for in a way that this program does not take. Nothing was done."""

    status = 2
