"""`fleet lab`: the Vagrant boxes."""

import os
import shlex
import sys

import click

from fleet_cli.commands.context import Context, json_option, print_json
from fleet_cli.lab import ca, description, laboratory, ssh, status
from fleet_cli.machine import steps
from fleet_cli.machine.errors import FleetError


@click.group(short_help="Boxes with a real Puppet server, on this machine.")
def lab() -> None:
    """Vagrant boxes with a real Puppet server, as lab.yaml lists them."""


@lab.command()
@click.argument("boxes", nargs=-1, metavar="[BOX]...")
@click.pass_obj
def up(context: Context, boxes: tuple[str, ...]) -> None:
    """Bring up the lab, or the named boxes and the Puppet server, until the services answer.

    Installs what is missing on this machine, and leaves alone what is in place: a second call takes seconds.
    """
    laboratory.up(description.load(context.repo), context.repo, boxes)
    boxes_now = status.collect(description.load(context.repo))
    status.show(boxes_now)
    click.echo("\nWhat to try next:")
    for name, url in [(box.box, service.url) for box in boxes_now for service in box.services][-1:]:
        click.echo(f"  {_curl(context, name, url)}/api/v1/items")
    click.echo("  scripts/fleet test node          # what Hiera declares is what the boxes have")
    click.echo(f"  scripts/fleet lab ssh {description.load(context.repo).nodes[-1].name}")
    click.echo("  edit hieradata/, git commit, then: scripts/fleet deploy && scripts/fleet run")
    click.echo("  scripts/fleet lab down")
    if not steps.finished:
        click.echo("\nEverything was in place.")


def _curl(context: Context, name: str, url: str) -> str:
    """Return a command that asks a service, by the name in the box's certificate where it has one."""
    if not url.startswith("https://"):
        return f"curl {url}"
    box, ca_file = description.load(context.repo).box(name), ca.save(description.load(context.repo))
    port = url.rpartition(":")[2]
    return f"curl --cacert {ca_file} --resolve {box.certname}:{port}:{box.address} https://{box.certname}:{port}"


@lab.command("status")
@json_option
@click.pass_obj
def show_status(context: Context, as_json: bool) -> None:
    """Show boxes, services, versions, addresses and health."""
    boxes = description.load(context.repo)
    ssh.require_root()
    statuses = status.collect(boxes)
    if as_json:
        print_json([box.as_dict() for box in statuses])
    else:
        status.show(statuses)


@lab.command("ssh", context_settings={"ignore_unknown_options": True})
@click.argument("box")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def shell(context: Context, box: str, command: tuple[str, ...]) -> None:
    """Open a root shell on BOX, or run a command there: fleet lab ssh app1 -- flask-microservice status.

    As ssh does it, a shell of root on BOX reads the words of the command, joined by blanks. Quote what it is to read:
    fleet lab ssh app1 -- 'journalctl -u orders | tail'. Input, output and exit status are the command's.
    """
    target = description.load(context.repo).box(box)
    # Not where a file or another program takes the output: a terminal would change the ends of its lines.
    terminal = ["-t"] if sys.stdin.isatty() and (sys.stdout.isatty() or not command) else []
    remote = ["sudo", "--", "bash", "-c", shlex.quote(f"cd; {' '.join(command)}")] if command else ["sudo", "-i"]
    argv = [*ssh.command(target, *terminal), *remote]
    os.execvp(argv[0], argv)


@lab.command()
@click.option("--purge", is_flag=True, help="Also remove what makes the next start fast: base, layers, built packages.")
@click.pass_obj
def down(context: Context, purge: bool) -> None:
    """Destroy the boxes and leave no process, mount, bridge or nft table of the lab behind."""
    try:
        laboratory.down(description.load(context.repo), purge=purge)
    except OSError as error:
        raise FleetError(f"lab down: {error}") from None
