"""`fleet deploy`: the control repository to the Puppet server, and back."""

import click

from fleet_cli.commands.context import Context
from fleet_cli.fleet import deploying
from fleet_cli.machine import steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.repository import clones


@click.command(short_help="Deploy what is checked out to the fleet.")
@click.argument("wanted", metavar="[BRANCH|COMMIT]", required=False)
@click.option("--back", is_flag=True, help="Give the fleet what it was given before the last deploy, at once.")
@click.option("--tier", metavar="TIER", help="Only for this tier: the fleet stays as it is.")
@click.option("--end", is_flag=True, help="With --tier: the tier is given what the fleet is given again.")
@click.option("--now", is_flag=True, help="Go ahead where this steps on a rollout that is under way: for a hotfix.")
@click.pass_obj
def deploy(  # noqa: PLR0917 - click gives an argument for each option
    context: Context, wanted: str | None, back: bool, tier: str | None, end: bool, now: bool
) -> None:
    """Deploy what is checked out to the fleet; nodes take it up at their next run: fleet run.

    What is checked out has to be what the remote's branch has: a deploy pushes nothing. Only the lab has its own way: a
    commit is pushed to it with secrets of the lab.

    Each deployed commit is an environment of its own. It is checked before any node is given it, and never changes.
    If anything fails, nothing has changed. What is not committed is not deployed.

    With BRANCH that branch is deployed, for trials: fleet run NODE --environment BRANCH. With COMMIT the fleet is
    given that commit, at once if it is one of the last ten.

    While a rollout is under way, what would change what its tier is given is refused. With --now it goes ahead, says
    what it steps on, and leaves a record.
    """
    if end and not tier:
        raise FleetError("--end needs --tier TIER: the fleet always has a commit")
    if (back or end) and (wanted or (back and end)):
        raise FleetError("--back and --end take no branch or commit, and exclude each other")
    if back:
        click.echo(printable(deploying.back(context.fleet, tier=tier, now=now)))
        return
    if end and tier:
        click.echo(printable(deploying.end_tier(context.fleet, tier, now=now)))
        return
    if wanted is None:
        for path in clones.uncommitted(context.repo):
            steps.say(f"note: {path} is not committed, and so not deployed")
    click.echo(printable(deploying.deploy(context.fleet, context.repo, wanted, tier=tier, now=now)))
