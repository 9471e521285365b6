"""A plan for people: on a terminal with colour."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from fleet_cli.machine.printable import printable
from fleet_cli.planning.changes import Parameter, ResourceChange
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Failure, Group, Item, Plan, Presence
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.wording import (
    ORDER,
    SIGNS,
    counted,
    headline,
    names_of_nodes,
    one_failure,
    one_presence,
    sentence,
    unused_lines,
)  # fmt: skip

DIFF_LINES = 40
COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "cyan", "!": "bold red", ">": "bold"}


def show(plan: Plan, console: Console) -> None:
    """Print a plan."""
    for line in lines(plan):
        text = Text(printable(line))
        mark = line.lstrip()[:1]
        if mark in COLOURS:
            text.stylize(COLOURS[mark])
        console.print(text, soft_wrap=True)


def lines(plan: Plan) -> Iterator[str]:
    """Return the lines of a plan; the first character that is no space says what a line is about."""
    yield headline(plan)
    if plan.moves:
        yield ""
        yield "Services that move:"
        yield from (f"  {move}" for move in plan.moves)
    for group in plan.groups:
        yield ""
        yield names_of_nodes(group.nodes)
        yield from group_lines(group)
    if plan.unused:
        yield ""
        yield "Not used any more:"
        yield from (f"  {line}" for line in unused_lines(plan.unused))
    if plan.notes:
        yield ""
        yield from (f"note: {note}" for note in plan.notes)


def group_lines(group: Group) -> Iterator[str]:
    """Return the lines about a group, without the names of its nodes."""
    follows = counted(item.follows for item in group.items if isinstance(item, ResourceChange) and item.follows)
    for kind in ORDER:
        for item in group.items:
            if isinstance(item, kind):
                yield from _item(item, follows)


def _item(item: Item, follows: dict[str, int]) -> Iterator[str]:
    if isinstance(item, Presence):
        yield f"  {SIGNS[item.action]} {one_presence(item)}"
    elif isinstance(item, Failure):
        first, *rest = one_failure(item).splitlines()
        yield f"  ! {first}"
        yield from (f"      {line}" for line in rest)
    elif isinstance(item, Effect):
        yield f"  > {sentence(item)}"
    elif isinstance(item, Remark):
        yield f"  > {item}"
    elif isinstance(item, Dependency):
        yield f"  {SIGNS[item.action]} {sentence(item)}"
    elif not item.follows:
        yield from _resource(item, follows.get(item.reference, 0))


def _resource(change: ResourceChange, followers: int) -> Iterator[str]:
    where = f"  ({change.declared})" if change.declared and change.action == "add" else ""
    yield f"  {SIGNS[change.action]} {change.reference}{where}"
    if change.action == "remove":
        return
    for parameter in change.parameters:
        yield f"      {_value(parameter, change.action)}{_also(parameter, followers)}"
        yield from _diff(parameter.diff)


def _also(parameter: Parameter, followers: int) -> str:
    if not parameter.direction or not followers:
        return ""
    return f", and so in {followers} file{'s' if followers > 1 else ''} that name{'' if followers > 1 else 's'} it"


def _value(parameter: Parameter, action: str) -> str:
    if parameter.diff:
        return f"{parameter.name}:"
    if action == "add":
        return f"{parameter.name}: {parameter.new}"
    change = f"{parameter.old or '(not set)'} → {parameter.new or '(not set)'}"
    if parameter.old == parameter.new:
        change = f"another one {parameter.new}"
    return f"{parameter.name}: {change}" + (f" ({parameter.direction})" if parameter.direction else "")


def _diff(diff: Iterable[str]) -> Iterator[str]:
    shown = list(diff)
    yield from (f"        {line}" for line in shown[:DIFF_LINES])
    if len(shown) > DIFF_LINES:
        yield f"        … {len(shown) - DIFF_LINES} more lines: --html or --json have them"
