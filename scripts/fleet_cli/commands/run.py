"""`fleet run`: the agent on nodes."""

import sys

import click

from fleet_cli.commands.context import Context, chosen_nodes, json_option, print_json
from fleet_cli.fleet import agents, deploying, turns
from fleet_cli.fleet import nodes as fleet_nodes
from fleet_cli.fleet.nodes import Choice
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable


@click.command(short_help="Run puppet agent on nodes, in parallel.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--environment", "wanted", metavar="BRANCH|COMMIT",
              help="Try a deployed branch or commit on NODEs: the server gives it to them for an hour.")  # fmt: skip
@click.option("--for", "duration", metavar="TIME", default="1h", show_default=True,
              help="How long a trial lasts: 30m, 2h, 1d.")  # fmt: skip
@click.option("--end-trial", is_flag=True, help="End the trial on NODEs before its time.")
@click.option("--noop", is_flag=True, help="Say what would change and change nothing.")
@click.option("--now", is_flag=True, help="Run where a rollout is under way: for a hotfix. It leaves a record.")
@chosen_nodes
@json_option
@click.pass_obj
def run(  # noqa: PLR0917 - click gives an argument for each option
    context: Context,
    nodes: tuple[str, ...],
    roles: tuple[str, ...],
    tiers: tuple[str, ...],
    query: str | None,
    wanted: str | None,
    duration: str,
    end_trial: bool,
    noop: bool,
    now: bool,
    as_json: bool,
) -> None:
    """Run puppet agent on NODEs in parallel (without NODE: on all but the Puppet server) and show what came of it.

    NODE is a name, short or whole, or a set of them as ClusterShell writes it: app[1-20].

    The Puppet server says which deployed commit a node is in: the fleet's, or that of a trial.

    Database servers come first and load balancers last, since other nodes need the ones and are needed by the others.
    A node that a service leaves keeps it until the balancers know its new nodes: it has a second run then, and the
    balancers after it.

    While a rollout is under way in the tier of a NODE, a run by hand is refused unless --noop or --now is given: the
    rollout judges what its nodes do.

    Exit status 0 when every node is as declared, or with --noop when it is known what would change; 1 when a run failed
    anywhere.
    """
    choice = Choice(nodes, roles, tiers, query)
    if (wanted or end_trial) and not choice:
        raise FleetError("say which NODEs the trial is for")
    if wanted and end_trial:
        raise FleetError("--environment and --end-trial exclude each other")
    chosen = fleet_nodes.chosen(context.fleet, context.repo, choice)
    if not noop:
        deploying.require_no_rollout(context.fleet, chosen, now=now)
    if wanted:
        trial = deploying.try_on(context.fleet, context.repo, chosen, wanted, duration, now=now)
        click.echo(printable(trial), err=True)
    elif end_trial:
        click.echo(printable(deploying.end_trial(context.fleet, chosen)), err=True)
    runs = turns.run(context.fleet, chosen, noop=noop)
    if as_json:
        print_json([result.as_dict() for result in runs])
    else:
        for result in runs:
            click.echo(printable("\n".join(agents.explain(result))))
    if not all(result.ok for result in runs):
        sys.exit(1)
