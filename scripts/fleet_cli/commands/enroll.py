"""`fleet enroll`: a machine becomes a node."""

import click

from fleet_cli.commands.context import Context, json_option, print_json
from fleet_cli.fleet import enrolling


@click.command(short_help="Let a machine become a node.")
@click.argument("node")
@click.option("--role", required=True, help="A class of site/role.")
@click.option("--tier", required=True, help="A file of hieradata/tiers.")
@click.option("--cloud-init", "user_data", is_flag=True,
              help="Print user data for cloud-init: the machine enrols at its first boot.")  # fmt: skip
@json_option
@click.pass_obj
def enroll(  # noqa: PLR0917 - click gives an argument for each option
    context: Context, node: str, role: str, tier: str, user_data: bool, as_json: bool
) -> None:
    """Print a token with which the machine NODE (its full name) enrols once, within an hour, with this role and tier.

    A machine that was rebuilt enrols by the same command. If NODE has a certificate, that is revoked: until it has
    enrolled again, a machine that still has it can't run its agent.
    """
    if user_data and as_json:
        raise click.UsageError("--cloud-init and --json: one of them")
    invitation = enrolling.invite(context.fleet, context.repo, node, role, tier)
    if as_json:
        print_json(invitation.as_dict())
    else:
        click.echo(enrolling.cloud_init(invitation) if user_data else enrolling.instructions(invitation))
