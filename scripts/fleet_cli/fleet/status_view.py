"""The status of a fleet as people read it: a line a difference, alike ones together, and one that sums up."""

import re
import time
from collections.abc import Callable, Iterable, Sequence

from ClusterShell.NodeSet import NodeSet, NodeSetException
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fleet_cli.fleet import asking
from fleet_cli.fleet.causes import local
from fleet_cli.fleet.observed import UNKNOWN, Difference
from fleet_cli.fleet.status import Status
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable

REDRAW_SECONDS = 5
WIDTH = 1000
"""Where the output is no terminal: a difference is one line for whatever reads it."""


def show(status: Status) -> None:
    """Print a status."""
    console().print(render(status))


def watch(look: Callable[[], Status]) -> None:
    """Show a status, anew every few seconds, until somebody interrupts it.

    Raises:
        FleetError: it can't be known the first time.
    """
    shown: RenderableType = render(look())
    with Live(console=console(), auto_refresh=False) as live:
        while True:
            seen = Text(f"seen at {time.strftime('%H:%M:%S')}; Ctrl-C ends", style="dim")
            live.update(Group(shown, seen), refresh=True)
            time.sleep(REDRAW_SECONDS)
            try:
                shown = render(look())
            except FleetError as error:  # it may come back
                shown = Text(printable(f"not known: {error}"), style="yellow")


def console() -> Console:
    """Return the terminal, or something that is wide enough."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH)


def render(status: Status) -> RenderableType:
    """Return what is shown of a status."""
    summary = Text(status.summary, style="green" if status.as_declared else "bold")
    notes = [Text(printable(f"note: {note}")) for note in _notes(status)]
    if status.as_declared:
        return Group(*notes, summary)
    table = Table("node", "service", "difference", "since", "likely cause", box=None, pad_edge=False)
    for nodes, one in _folded(status.differences):
        style = "yellow" if one.kind == UNKNOWN else "red"
        cells = [nodes, one.service or "–", one.what, local(one.since) or "–", one.cause]
        table.add_row(
            *(Text(asking.printable(cell), style=style if number == 2 else "") for number, cell in enumerate(cells))
        )
    return Group(table, *notes, summary)


def _notes(status: Status) -> list[str]:
    """What is no difference, and good to know: the declared versions are those of the checkout."""
    commits = status.commits
    if commits.deployed and commits.checkout and commits.checkout != commits.deployed:
        return [
            f"`declared` is what this checkout says, at {commits.checkout[:10]}; {commits.deployed[:10]} is deployed"
        ]
    return []


def _folded(differences: Iterable[Difference]) -> list[tuple[str, Difference]]:
    """Alike differences of several nodes as one, with the nodes and the earliest time."""
    alike: dict[tuple[str, str, str, str], list[Difference]] = {}
    for one in differences:
        words = (_without(one.what, one.node), _without(one.cause, one.node))
        alike.setdefault((one.service, *words, one.kind), []).append(one)
    found = []
    for (service, what, cause, kind), its in alike.items():
        first = its[0]
        if len(its) > 1:
            times = sorted(one.since for one in its if one.since)
            first = Difference("", service, what, cause, times[0] if times else "", kind)
        found.append((_set([one.node for one in its]), first))
    return found


def _without(text: str, node: str) -> str:
    """A text in which a node's own name is not what makes it another one."""
    label = re.escape(node.partition(".")[0])
    return re.sub(rf"(?<![\w.-]){label}(\.[\w.-]*\w)?(?![\w-])", "NODE", text)


def _set(names: Sequence[str]) -> str:
    try:
        return str(NodeSet.fromlist(names))
    except NodeSetException:
        return ", ".join(names)
