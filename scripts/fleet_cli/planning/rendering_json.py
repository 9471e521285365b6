"""A plan for machines."""

import json
from dataclasses import asdict
from typing import Any

from fleet_cli.planning.plan import Item, Plan

KINDS = {
    "ResourceChange": "resource", "Effect": "effect", "Remark": "remark", "Dependency": "dependency",
    "Failure": "failure", "Presence": "machine",
}  # fmt: skip


def text(plan: Plan) -> str:
    """Return a plan as JSON."""
    return json.dumps(as_dict(plan), indent=2, ensure_ascii=False)


def as_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data: `groups` has what is the same on some nodes, each item with its `kind`."""
    return {
        "base": plan.base,
        "head": plan.head,
        "changes": plan.changes,
        "nodes": plan.nodes,
        "changed_nodes": plan.changed_nodes,
        "compiled": plan.compiled,
        "moves": [asdict(move) for move in plan.moves],
        "groups": [
            {"nodes": list(group.nodes), "items": [_item(item) for item in group.items]} for group in plan.groups
        ],
        "unused": asdict(plan.unused),
        "notes": list(plan.notes),
    }


def _item(item: Item) -> dict[str, Any]:
    return {"kind": KINDS[type(item).__name__], **asdict(item)}
