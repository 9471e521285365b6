"""What a user is told when something cannot be done."""


class FleetError(Exception):
    """A failure with one message for the user: what is wrong, where, and what to do. Ends fleet with status 1."""


class CommandFailedError(FleetError):
    """A command that fleet ran ended with an unexpected status.

    Attributes:
        argv: the command line.
        status: its exit status; negative for the signal that ended it.
        output: what it printed.
    """

    def __init__(self, argv: list[str], status: int, output: str) -> None:
        self.argv = argv
        self.status = status
        self.output = output
        tail = "\n".join("    " + line for line in output.strip().splitlines()[-20:])
        command = " ".join(argv)
        if len(command) > 200:
            command = command[:200] + "…"
        super().__init__(f"`{command}` ended with status {status}" + (f":\n{tail}" if tail else ""))


class LimitError(FleetError):
    """A program needed more time, or printed more, than it may, and was ended."""
