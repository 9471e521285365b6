"""`fleet rollout`: a change to the fleet in waves."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from fleet_cli.commands import driving
from fleet_cli.commands.context import Context, json_option, print_json
from fleet_cli.commands.puppet_choice import SANDBOX, chosen, puppet_options
from fleet_cli.fleet import nodes
from fleet_cli.machine import apt
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.rollout import orders, preparing, telling
from fleet_cli.rollout.git_store import GitStore
from fleet_cli.rollout.state import Rollout, Status, active
from fleet_cli.rollout.world import World


class WithDefault(click.Group):
    """A group in which `start` is meant where no command is named."""

    def with_default(self, words: list[str]) -> list[str]:
        """Return the words of a command line, with the command that is meant."""
        named = words and (words[0] in self.commands or words[0] in ("-h", "--help"))
        return words if named else ["start", *words]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the options of `start` to it."""
        return super().parse_args(ctx, self.with_default(args))


@click.group(cls=WithDefault, short_help="Bring a commit to the fleet in waves; judge it; take it back.")
def rollout() -> None:
    """Bring a commit to the fleet in waves, judge it by what it does, and take it back if that is bad.

    `fleet rollout` alone is `fleet rollout start`: its --help has the options.

    Exit status: 0 everything serves what was asked, 1 it was taken back or failed, 3 it is paused.
    """


number = click.argument("number", type=int, required=False, metavar="[N]")


@rollout.command()
@click.argument("commit", required=False)
@click.option("--why", default="", metavar="TEXT", help="What it is for; everybody reads it.")
@click.option("--tier", metavar="TIER", help="Only this tier.")
@click.option("--wait", "waits", is_flag=True, help="If another rollout is under way, wait for its end.")
@click.option("--now", "quick", is_flag=True, help="Wait for nothing: no time of watching. All checks are made.")
@click.option("--one-way", is_flag=True, help="Also if a new release says that it can't be gone back from.")
@click.option("--noop", is_flag=True, help="Say what would change, and in which waves; change nothing.")
@puppet_options
@json_option
@click.pass_obj
def start(  # noqa: PLR0917 - click gives an argument for each option
    context: Context,
    commit: str | None,
    why: str,
    tier: str | None,
    waits: bool,
    quick: bool,
    one_way: bool,
    noop: bool,
    kind: str,
    modules: Path | None,
    as_json: bool,
) -> None:
    """Roll out what the remote's branch has, or COMMIT: to the nodes that the plan says change, in waves."""
    fleet, repo = context.fleet, context.repo
    with ThreadPoolExecutor(max_workers=2) as pool:
        if kind == SANDBOX:
            pool.submit(apt.sources)  # which apt needs a while for, and the sandbox asks for
        meant = preparing.commit(fleet, repo, commit)
        known = nodes.known(fleet, repo)
        tiers = preparing.tiers_of(known)
        if tier and tier not in tiers:
            raise FleetError(f"no node is in the tier {tier!r}; there are: {', '.join(tiers)}")
        state = preparing.settings_of(repo, meant, tiers)
        wanted = preparing.Wanted(meant, tier, why, quick, one_way)
        world = driving.world(context, state, as_json=as_json, known=known)
        with chosen(kind, modules, needs_eyaml=True) as using:
            # The server seals the commit while it is planned here what that changes.
            sealed = None if noop else pool.submit(preparing.seal, fleet, meant)
            try:
                made = preparing.rollout(fleet, repo, wanted, known, state, puppet=using.puppet, source=using.source)
            except FleetError:
                if sealed and sealed.done():
                    sealed.result()  # what is wrong there, such as a right that is missing, comes first
                raise
            if not as_json:
                click.echo(printable("\n".join(telling.plan(made, len(known)))))
            same = set(made.goal.values()) == set(made.before.values())
            if made.nodes and not noop:
                made.wrong_before = _wrong_before(world, made)
            if sealed:
                sealed.result()
    if noop or same:
        if as_json:
            print_json(made.as_dict())
        elif same:
            click.echo(f"commit {meant[:10]} is what the nodes are given already: nothing to do")
        return
    store = GitStore(fleet, repo)
    begun = driving.begin(store, made, waits=waits)
    world.tell(begun, "start")
    driving.drive(begun, store, world, state, as_json=as_json)


def _wrong_before(world: World, made: Rollout) -> list[str]:
    """Return which tests fail already: without them nobody could tell what a rollout has broken."""
    try:
        return sorted(world.verify(sorted(made.nodes)))
    except FleetError as error:
        raise FleetError(f"{error}\nthe rollout has not begun: no node has changed") from None


@rollout.command()
@json_option
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Show the rollout that is under way, or what came of the last one.

    Exit status 0; 3 if one is paused.
    """
    found = GitStore(context.fleet, context.repo).read()
    under_way = [*active(found)]
    if as_json:
        print_json([one.as_dict() for one in under_way])
    else:
        click.echo(printable("\n".join(telling.status(found))))
    sys.exit(driving.PAUSED if any(one.status == Status.PAUSED for one in under_way) else 0)


@rollout.command("list")
@json_option
@click.pass_obj
def list_rollouts(context: Context, as_json: bool) -> None:
    """List all rollouts, the newest first."""
    found = GitStore(context.fleet, context.repo).read()
    if as_json:
        print_json([found[one].as_dict() for one in sorted(found, reverse=True)])
    else:
        click.echo(printable("\n".join(telling.lines(found)) or "no rollout so far"))


@rollout.command()
@click.argument("number", type=int)
@json_option
@click.pass_obj
def show(context: Context, number: int, as_json: bool) -> None:
    """Show all of rollout N: who, why, what changed where, and each step."""
    one = orders.present(GitStore(context.fleet, context.repo).read(), number)
    if as_json:
        print_json(one.as_dict())
    else:
        click.echo(printable("\n".join(telling.whole(one))))


@rollout.command()
@number
@click.pass_obj
def pause(context: Context, number: int | None) -> None:
    """Stop a rollout where it is: what has changed stays, and no further node changes."""
    one = orders.pause(GitStore(context.fleet, context.repo), number)
    click.echo(printable("\n".join(telling.present(one))))


@rollout.command()
@number
@click.option("--take-over", is_flag=True, help="Also one that is not paused: what drove it is gone.")
@json_option
@click.pass_obj
def resume(context: Context, number: int | None, take_over: bool, as_json: bool) -> None:
    """Go on with a rollout where it was."""
    driving.go_on(context, lambda store: orders.resume(store, number, take_over=take_over), as_json=as_json)


@rollout.command()
@number
@json_option
@click.pass_obj
def promote(context: Context, number: int | None, as_json: bool) -> None:
    """Go on without the verdict of the present wave: you have judged it yourself."""
    driving.go_on(context, lambda store: orders.promote(store, number), as_json=as_json)


@rollout.command()
@number
@click.option("--one-way", is_flag=True, help="Also if a new release says that it can't be gone back from.")
@json_option
@click.pass_obj
def abort(context: Context, number: int | None, one_way: bool, as_json: bool) -> None:
    """End a rollout, and take back what it has changed."""
    driving.go_on(context, lambda store: orders.abort(store, number, one_way=one_way), as_json=as_json, aborted=True)
