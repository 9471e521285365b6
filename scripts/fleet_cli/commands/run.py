"""`fleet run`: the agent on nodes."""

import sys

import click

from fleet_cli import agents
from fleet_cli.commands.context import Context, json_option, print_json


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--environment", help="Use this environment for the run instead of the node's own.")
@click.option("--noop", is_flag=True, help="Say what would change and change nothing.")
@json_option
@click.pass_obj
def run(context: Context, nodes: tuple[str, ...], environment: str | None, noop: bool, as_json: bool) -> None:
    """Run puppet agent on NODEs in parallel (without NODE: on all but the Puppet server) and show what came of it.

    Database servers come first and load balancers last, since other nodes need the ones and are needed by the others.
    Exit status 0 when every node is as declared, 1 when a run failed anywhere.
    """
    boxes = [context.lab.box(name) for name in nodes] or list(context.lab.nodes)
    runs = [
        result
        for group in context.lab.in_order(boxes)
        for result in agents.run(group, environment=environment, noop=noop)
    ]
    if as_json:
        print_json([result.as_dict() for result in runs])
    else:
        for result in runs:
            click.echo("\n".join(agents.explain(result)))
    if not all(result.ok for result in runs):
        sys.exit(1)
