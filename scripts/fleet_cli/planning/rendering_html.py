"""A plan as one HTML file that needs nothing else: no network, no other file."""

from pathlib import Path
from typing import Any

import jinja2

from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Failure, Group, Plan, Presence
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.wording import (
    SIGNS,
    names_of_nodes,
    one_failure,
    one_presence,
    sentence,
    summary,
    unused_lines,
)  # fmt: skip

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def page(plan: Plan) -> str:
    """Return the page."""
    template = jinja2.Template(_TEMPLATE.read_text(encoding="utf-8"), autoescape=True, undefined=jinja2.StrictUndefined)
    return str(
        template.render(
            base=plan.base,
            head=plan.head,
            summary=summary(plan),
            moves=[str(move) for move in plan.moves],
            groups=[_group(group) for group in plan.groups],
            unused=list(unused_lines(plan.unused)),
            notes=plan.notes,
            signs=SIGNS,
        )
    )


def _group(group: Group) -> dict[str, Any]:
    return {
        "title": names_of_nodes(group.nodes),
        "nodes": group.nodes,
        "machines": [(item.action, one_presence(item)) for item in group.items if isinstance(item, Presence)],
        "failures": [one_failure(item) for item in group.items if isinstance(item, Failure)],
        "effects": [sentence(item) for item in group.items if isinstance(item, Effect)],
        "remarks": [str(item) for item in group.items if isinstance(item, Remark)],
        "resources": [item for item in group.items if isinstance(item, ResourceChange)],
        "dependencies": [(item.action, sentence(item)) for item in group.items if isinstance(item, Dependency)],
    }
