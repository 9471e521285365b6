"""`fleet deploy`: the control repository to the Puppet server."""

import click

from fleet_cli import deploying, steps
from fleet_cli.commands.context import Context


@click.command()
@click.argument("branch", required=False)
@click.pass_obj
def deploy(context: Context, branch: str | None) -> None:
    """Push and deploy BRANCH as the environment of its name; without BRANCH, what is checked out as production.

    What is not committed is not deployed. Shows what r10k says. Nodes take it up at their next run: fleet run.
    """
    for path in deploying.uncommitted(context.repo):
        steps.say(f"note: {path} is not committed, and so not deployed")
    click.echo(deploying.deploy(context.lab, context.repo, branch))
