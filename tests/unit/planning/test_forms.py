"""A plan says the same in every form, and what it quotes can break none of them."""

import io
import json

from fleet_cli.planning import changes, rendering_html, rendering_json, rendering_markdown, rendering_text
from fleet_cli.planning.changes import Parameter, ResourceChange
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Failure, Group, Item, Plan, Presence, grouped
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.unused import Unused
from rich.console import Console

NASTY = "</pre><script>alert(1)</script> `````` | *x*"
CHANGE = ResourceChange(
    "change", "File[/a]", (Parameter("content", "1 bytes", "2 bytes", ("-a", f"+{NASTY}")),), "a.pp:1"
)


def plan(by_node: dict[str, list[Item]], notes: tuple[str, ...] = ()) -> Plan:
    return Plan("main", "topic", 300, 12, grouped(by_node), Unused(("old::class",), (), ("a.yaml: key",)), notes)


def test_what_is_the_same_on_many_nodes_is_said_once_and_the_rest_by_node() -> None:
    nodes: dict[str, list[Item]] = {f"n{number:03}": [CHANGE] for number in range(212)}
    groups = grouped({**nodes, "n000": [CHANGE, Effect("a", "restart")]})
    assert [(len(group.nodes), group.items) for group in groups] == [(212, (CHANGE,)), (1, (Effect("a", "restart"),))]
    lines = list(rendering_text.lines(plan(nodes)))
    assert "the same on 212 nodes: n000, n001, n002, n003, …" in lines
    assert sum("File[/a]" in line for line in lines) == 1


def test_html_shows_text_of_files_as_text() -> None:
    page = rendering_html.page(plan({"n": [CHANGE, Failure("head", NASTY)]}, (NASTY,)))
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") == 3


def test_markdown_keeps_text_of_files_within_its_fence() -> None:
    text = rendering_markdown.text(plan({f"n{NASTY}": [CHANGE, Failure("head", NASTY)]}))
    before, fence, rest = text.partition("```````diff\n")
    assert fence
    assert NASTY in rest.partition("\n```````\n")[0]
    assert "\\<script\\>" in before


def test_markdown_fits_into_a_comment_and_says_what_it_leaves_out() -> None:
    long = tuple(f"+line {number} {'x' * 50}" for number in range(30))
    many: dict[str, list[Item]] = {
        f"n{number}": [ResourceChange("change", f"File[/{number}]", (Parameter("content", "", "", long),))]
        for number in range(100)
    }
    text = rendering_markdown.text(plan(many))
    assert len(text) <= rendering_markdown.MAX_CHARACTERS
    assert "more groups of nodes, which do not fit in here" in text


def test_text_of_a_branch_moves_no_cursor_of_a_terminal() -> None:
    """Lines of a plan could be hidden from who approves it."""
    erased = ResourceChange("change", "File[/a]", (Parameter("content", "", "", ("-a", "+\x1b[1A\x1b[2Kb")),), "a.pp:1")
    printed = io.StringIO()
    rendering_text.show(plan({"n": [erased, Failure("head", "no\x1b[2J")]}), Console(file=printed, highlight=False))
    assert "\x1b" not in printed.getvalue()
    assert r"+\x1b[1A\x1b[2Kb" in printed.getvalue()


def test_a_service_that_goes_from_one_node_to_another_is_a_move_in_each_form() -> None:
    moved = plan({
        "app1": [ResourceChange("remove", "Flask_microservice_release[billing]", ())],
        "app2": [Effect("billing", "removed", "1.0-1")],
        "app3": [Effect("billing", "first release", "", "1.0-1"), Effect("orders", "first release", "", "1.0-1")],
        "app4": [Effect("old", "removed", "1.0-1")],
    })  # fmt: skip
    line = "billing: leaves app1, app2, comes to app3"
    assert [text.strip() for text in rendering_text.lines(moved) if "leaves" in text] == [line]
    assert f"- {line}" in rendering_markdown.text(moved)
    assert f"<li>{line}</li>" in rendering_html.page(moved)
    assert json.loads(rendering_json.text(moved))["moves"] == [
        {"service": "billing", "leaves": ["app1", "app2"], "comes_to": ["app3"], "data_stays": []}
    ]


def test_json_has_all_that_the_other_forms_have() -> None:
    items: list[Item] = [
        Presence("add", "app", "staging"), Failure("head", "broken"), Effect("a", "restart", because=("File[/a]",)),
        Remark("memory", "capacity", "too little"),
        CHANGE, Dependency("add", "File[/a]", "before", "File[/b]"),
    ]  # fmt: skip
    assert all(
        "memory: too little" in form
        for form in (
            "\n".join(rendering_text.lines(plan({"n": items}))), rendering_markdown.text(plan({"n": items})),
            rendering_html.page(plan({"n": items})),
        )
    )  # fmt: skip
    data = json.loads(rendering_json.text(plan({"n": items}, ("a note",))))
    assert [item["kind"] for item in data["groups"][0]["items"]] == [
        "machine", "failure", "effect", "remark", "resource", "dependency",
    ]  # fmt: skip
    assert (data["changes"], data["changed_nodes"], data["notes"]) == (True, ["n"], ["a note"])
    assert data["unused"] == {"classes": ["old::class"], "files": [], "keys": ["a.yaml: key"]}


def test_the_words_for_an_order_are_english() -> None:
    lines = [
        line
        for kind in ("before", "notify")
        for action in ("add", "remove")
        for line in rendering_text.group_lines(Group(("n",), (Dependency(action, "File[/a]", kind, "Service[b]"),)))
    ]
    assert lines == [
        "  + File[/a] comes before Service[b]",
        "  - File[/a] no longer comes before Service[b]",
        "  + File[/a] notifies Service[b]",
        "  - File[/a] no longer notifies Service[b]",
    ]


def test_one_line_in_files_that_differ_elsewhere_is_one_change() -> None:
    def changed(host: str, line: str) -> ResourceChange:
        old, new = (f"# {host}\n# rules\n{rest}drop\n".encode() for rest in ("", line))
        diff = changes.text_diff(old, new)
        return ResourceChange(
            "change", "File[/etc/nftables.conf]", (Parameter("content", "20 bytes", "26 bytes", diff),)
        )

    hosts = ("app1", "app2", "db1")
    everywhere: dict[str, list[Item]] = {host: [changed(host, "allow\n")] for host in hosts}
    (group,) = grouped(everywhere)
    assert group.nodes == hosts
    (item,) = group.items
    assert isinstance(item, ResourceChange)
    assert item.parameters[0].diff == ("+allow",)
    alone = grouped({"app1": [changed("app1", "allow\n")], "db1": [changed("db1", "deny\n")]})
    assert [one.nodes for one in alone] == [("app1",), ("db1",)]
    assert "+deny" in str(alone[1].items)
    assert " # rules" in str(alone[1].items), "what is on one node alone is shown with the lines around it"
