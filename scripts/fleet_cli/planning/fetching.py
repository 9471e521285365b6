"""What is said where r10k fails."""

from fleet_cli.machine.errors import CommandFailedError, FleetError


class FetchError(FleetError):
    """R10k could not fetch what a Puppetfile names: from where, and in r10k's words."""

    def __init__(self, where: str, error: CommandFailedError) -> None:
        super().__init__(f"Puppetfile: r10k could not fetch its modules from {where}:\n{error.output.strip()}")
