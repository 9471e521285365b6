"""`fleet plan`: what a change does to which node."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fleet_cli.commands.context import Context
from fleet_cli.commands.puppet_choice import SANDBOX, chosen, puppet_options
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.planning import (
    catalogs,
    environment,
    factsources,
    live,
    planner,
    rendering_html,
    rendering_json,
    rendering_markdown,
    rendering_text,
)
from fleet_cli.planning.plan import Failure, Plan
from fleet_cli.planning.planner import Choice, Counting, Settings
from fleet_cli.repository import inventory, layers

CHANGES = 2


class _WrongUsageError(click.UsageError):
    exit_code = 1


class _PlanCommand(click.Command):
    """Wrong usage has the status of an error: 2, which it has elsewhere, says here that something changes."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **more)
        except click.UsageError as error:
            raise _WrongUsageError(error.message, error.ctx) from None


@click.command(cls=_PlanCommand, short_help="Say what a change does to which node.")
@click.argument("base", required=False)
@click.argument("head", required=False)
@click.option("--nodes", multiple=True, metavar="NODE", help="Only this node; may be given several times.")
@click.option("--roles", multiple=True, metavar="ROLE", help="Only nodes of this role; may be given several times.")
@click.option(
    "--tier", "tiers", multiple=True, metavar="TIER", help="Only nodes of this tier; may be given several times."
)
@click.option("--all", "always", is_flag=True, help="Compile every catalog, those too that can't be different.")
@click.option("--puppetdb", metavar="URL", help="Where the facts come from: the URL of a PuppetDB, or `none` for the "
              "fact sets of tests/catalog. Without it: the fleet's.")  # fmt: skip
@click.option("--facts", "fact_set", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="A fact set (JSON), in the place of those of tests/catalog.")  # fmt: skip
@click.option("--nodes-yaml", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The list of nodes, in the place of BASE's and HEAD's own.")  # fmt: skip
@click.option("--hiera", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="The server's hiera.yaml, for a BASE or HEAD that has none of its own; its `datadir` is in the "
              "repository.")  # fmt: skip
@click.option("--lenient", is_flag=True, help="Compile as Puppet 7 does by its own settings, and Puppet 8 with "
              "`strict = warning` and `strict_variables = false`.")  # fmt: skip
@click.option("--forge", "forge_url", metavar="URL", help="Where the Puppetfile's modules come from, in the place of a "
              "mirror of Debian's packages.")  # fmt: skip
@puppet_options
@click.option("--server", is_flag=True, help="BASE and HEAD are branches or commits that are deployed on the Puppet "
              "server (if not named: what the fleet is given), which compiles the catalogs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine to read.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment on a merge request.")
@click.option(
    "--html", "html", type=click.Path(path_type=Path, dir_okay=False), help="Write a single HTML file as well."
)
@click.pass_obj
def plan(  # noqa: PLR0917 - click gives an argument for each option
    context: Context,
    base: str | None,
    head: str | None,
    nodes: tuple[str, ...],
    roles: tuple[str, ...],
    tiers: tuple[str, ...],
    always: bool,
    puppetdb: str | None,
    fact_set: Path | None,
    nodes_yaml: Path | None,
    hiera: Path | None,
    lenient: bool,
    forge_url: str | None,
    kind: str,
    modules: Path | None,
    server: bool,
    as_json: bool,
    as_markdown: bool,
    html: Path | None,
) -> None:
    """Compile the catalogs of all nodes at BASE and at HEAD, and show what changes on which node.

    BASE is, if not given, where what is checked out has left the production branch (production, main or master); HEAD,
    the working tree with all that is not committed yet. Needs no Puppet server and no private key.

    Exit status 0: nothing changes; 2: something changes; 1: an error.
    """
    if as_json and as_markdown:
        raise FleetError("--json and --markdown exclude each other")
    choice = Choice(nodes, roles, tiers)
    if server and (kind != SANDBOX or modules or forge_url or hiera or lenient):
        raise FleetError(
            "--server compiles on the Puppet server: leave out --puppet, --modules, --forge, --hiera and --lenient"
        )
    if server:
        found = _of_server(context.fleet, context.repo, base, head, choice)
    else:
        facts = factsources.find(context.fleet_for_facts, context.repo, puppetdb, fact_set)
        machines = None if nodes_yaml is None else inventory.in_file(nodes_yaml)
        with chosen(kind, modules, forge_url, needs_eyaml=True) as using, _progress() as counting:
            settings = Settings(
                choice, facts, using.source or environment.MIRROR, machines,
                always=always, counting=counting, puppet=using.puppet,
                hiera=None if hiera is None else layers.of_repository(_text(hiera)), lenient=lenient,
            )  # fmt: skip
            found = planner.make(context.repo, base, head, settings)
    _show(found, as_json, as_markdown)
    if html:
        html.write_text(rendering_html.page(found), encoding="utf-8")
    sys.exit(_status(found))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(f"{file}: can't be read: {error}") from None


def _show(found: Plan, as_json: bool, as_markdown: bool) -> None:
    if as_json:
        click.echo(rendering_json.text(found))
    elif as_markdown:
        click.echo(printable(rendering_markdown.text(found)))
    else:
        rendering_text.show(found, Console(highlight=False))


def _status(found: Plan) -> int:
    if found.changes:
        return CHANGES
    return 1 if any(True for _ in found.of_kind(Failure)) else 0


def _of_server(fleet: Fleet, repo: Path, base: str | None, head: str | None, choice: Choice) -> Plan:
    return live.make(fleet, repo, base or fleet.branch, head or fleet.branch, choice)


@contextmanager
def _progress() -> Iterator[Counting]:
    """A bar a state, on a terminal."""
    if not sys.stderr.isatty():
        yield planner.say_progress
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def counting(label: str) -> catalogs.Progress:
            task = bars.add_task(label)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield counting
