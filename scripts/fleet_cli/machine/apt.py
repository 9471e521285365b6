"""Where this machine gets Debian's packages from, for the root file systems that are made here."""

from functools import cache

from fleet_cli.machine import host, process
from fleet_cli.machine.errors import FleetError

RELEASE = "trixie"
"""The Debian release of all root file systems, which is that of the nodes."""


@cache  # apt needs a second for it
def sources() -> str:
    """This machine's Debian repositories, as one-line sources for the release of the nodes; asked for once a process.

    Raises:
        FleetError: apt on this machine has no Debian repository with downloaded lists.
    """
    own = host.codename()
    lines: dict[str, None] = {}
    for attempt in (1, 2):
        listing = process.run(
            ["apt-get", "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)"],
            check=False,
        ).stdout
        for line in listing.splitlines():
            kind, origin, uri, suite = line.split("|")
            if kind == "Packages" and origin == "Debian" and suite.startswith(own):
                lines[f"deb {uri} {suite.replace(own, RELEASE, 1)} main"] = None
        if lines or attempt == 2:
            break
        process.run(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "update"], check=False)
    if not lines:
        raise FleetError(
            "apt on this machine knows no Debian repository, or can't reach one: see /etc/apt, and try `apt-get update`"
        )
    return "\n".join(lines) + "\n"


@cache
def settings() -> str:
    """What this machine's apt was told about dates and proxies, which its guests need as well."""
    names = (
        "Acquire::Check-Valid-Until",
        "Acquire::Check-Date",
        "Acquire::http::Proxy",
        "Acquire::https::Proxy",
    )
    lines = process.run(["apt-config", "dump"]).stdout.splitlines()
    return "\n".join(line for line in lines if line.split(" ", 1)[0] in names)
