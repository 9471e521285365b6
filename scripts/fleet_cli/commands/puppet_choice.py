"""The options that say which Puppet checks or compiles, and from where it has modules."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fleet_cli.machine.errors import FleetError
from fleet_cli.planning.given_modules import Given
from fleet_cli.planning.host_modules import ByR10k
from fleet_cli.planning.modules import Source
from fleet_cli.planning.sandboxed_modules import Sandboxed
from fleet_cli.puppet import host, sandboxed
from fleet_cli.puppet.kinds import Puppet

SANDBOX, HOST = "sandbox", "host"


def puppet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --puppet and --modules."""
    for option in (
        click.option("--puppet", "kind", type=click.Choice([SANDBOX, HOST]), default=SANDBOX, show_default=True,
                     help="Where Puppet runs: in a sandbox, which needs Debian and namespaces; or this machine's own "
                     "Puppet 8 or OpenVox 8, which contains nothing: code of the branch then runs as you."),
        click.option("--modules", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False),
                     help="The Puppetfile's modules, as r10k lays them out (DIR/stdlib, ...). Without it: a mirror of "
                     "Debian's packages; with --puppet host, this machine's r10k fetches them."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class Chosen:
    """What a command goes on with.

    Attributes:
        puppet: which Puppet.
        source: where modules come from; None: a mirror of Debian's packages.
    """

    puppet: Puppet
    source: Source | None


@contextmanager
def chosen(
    kind: str, modules: Path | None, forge_url: str | None = None, *, needs_eyaml: bool = False
) -> Iterator[Chosen]:
    """What the options say; see host.opened for the last argument.

    Raises:
        FleetError: they exclude each other, or this machine has no Puppet that will do.
    """
    if modules and forge_url:
        raise FleetError("--modules and --forge exclude each other")
    given = Given(modules.absolute()) if modules else None
    if kind == SANDBOX:
        yield Chosen(sandboxed.PUPPET, given or (Sandboxed(forge_url) if forge_url else None))
        return
    with host.opened(needs_eyaml=needs_eyaml) as own:
        click.echo(f"fleet: --puppet host: {host.WARNING}", err=True)
        yield Chosen(own, given or ByR10k(own.installed, forge_url))
