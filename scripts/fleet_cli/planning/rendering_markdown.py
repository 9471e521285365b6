"""A plan in Markdown, for a comment on a merge request."""

import re
from collections.abc import Iterator

from fleet_cli.planning import rendering_text
from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Failure, Group, Plan, Presence
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.wording import names_of_nodes, one_failure, one_presence, sentence, summary, unused_lines

MAX_CHARACTERS = 60_000
"""Of a comment: what Git servers take is a little more."""


def text(plan: Plan) -> str:
    """Return a plan as Markdown; what does not fit into a comment is counted, and left out."""
    head = [f"### Plan: {_plain(plan.base)} → {_plain(plan.head)}", "", f"**{summary(plan)}**"]
    if plan.moves:
        head += ["", *(f"- {_plain(str(move))}" for move in plan.moves)]
    tail = [*_unused(plan), *(f"\n_{_plain(note)}_" for note in plan.notes)]
    room = MAX_CHARACTERS - sum(len(line) + 1 for line in (*head, *tail))
    parts = []
    for place, group in enumerate(plan.groups):
        part = "\n".join(_group(group))
        room -= len(part) + 1
        if room < 0:
            parts.append(f"\n… and {len(plan.groups) - place} more groups of nodes, which do not fit in here")
            break
        parts.append(part)
    return "\n".join([*head, *parts, *tail])


def _plain(words: str) -> str:
    """Words in which nothing is Markdown."""
    return "".join(f"\\{one}" if one in "\\`*_[]<>#|~" else one for one in words)


def _group(group: Group) -> Iterator[str]:
    yield ""
    yield f"#### {_plain(names_of_nodes(group.nodes))}"
    yield ""
    for item in group.items:
        if isinstance(item, Effect):
            yield f"- {_plain(sentence(item))}"
        elif isinstance(item, Remark):
            yield f"- {_plain(str(item))}"
        elif isinstance(item, Failure):
            yield f"- :x: {_plain(one_failure(item))}"
        elif isinstance(item, Presence):
            yield f"- {_plain(one_presence(item))}"
    rest = [item for item in group.items if isinstance(item, ResourceChange | Dependency)]
    shown = [line[2:] for line in rendering_text.group_lines(Group(group.nodes, tuple(rest)))]
    if shown:
        number = sum(isinstance(item, ResourceChange) and not item.follows for item in rest)
        what = "1 resource" if number == 1 else f"{number} resources" if number else "dependencies"
        yield ""
        yield f"<details><summary>{what}</summary>"
        yield ""
        yield _fence(shown)
        yield from (_as_diff(line) for line in shown)
        yield _fence(shown).removesuffix("diff")
        yield ""
        yield "</details>"


def _fence(lines: list[str]) -> str:
    """A fence that no line of the text can end."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1) + "diff"


def _as_diff(line: str) -> str:
    """Colour needs the sign in the first column."""
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    return f"{stripped[0]}{indent}{stripped[1:]}" if stripped[:1] in ("+", "-") else line


def _unused(plan: Plan) -> Iterator[str]:
    if plan.unused:
        yield "\nNot used any more:\n"
        yield from (f"- {_plain(line)}" for line in unused_lines(plan.unused))
