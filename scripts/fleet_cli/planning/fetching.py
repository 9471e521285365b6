"""What is said where r10k fails."""

import re

from fleet_cli.machine.errors import CommandFailedError, FleetError

_IN_RUBY = re.compile(r"\s*(?:from )?/[^ ]*\.rb:\d+:in ")
"""A line of a traceback, which says nothing to who wrote a Puppetfile."""


class FetchError(FleetError):
    """R10k could not fetch what a Puppetfile names: from where, and in r10k's words."""

    def __init__(self, where: str, error: CommandFailedError) -> None:
        lines = [line for line in error.output.strip().splitlines() if not _IN_RUBY.match(line)]
        said = "\n".join(lines[-20:])
        super().__init__(f"Puppetfile: r10k could not fetch its modules from {where}:\n{said}")
