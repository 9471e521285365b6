"""What differs between two catalogs is said once, in full, and without secrets."""

from collections.abc import Mapping
from typing import Any

import pytest
from catalogs import catalog
from fleet_cli.planning import changes, dependencies
from fleet_cli.planning.changes import HIDDEN, Parameter, ResourceChange
from fleet_cli.planning.contents import Contents
from fleet_cli.planning.dependencies import Dependency

Resources = Mapping[str, Mapping[str, Any]]


def compare(old: Resources, new: Resources) -> list[ResourceChange]:
    was, now = catalog(old), catalog(new)
    return changes.compare(was, now, Contents(was, None), Contents(now, None))


def test_resources_are_added_removed_and_changed_by_parameter() -> None:
    found = compare(
        {"User[a]": {"uid": 1, "home": "/a"}, "User[b]": {}}, {"User[a]": {"uid": 2, "home": "/a"}, "User[c]": {}}
    )
    assert [(one.action, one.reference, one.parameters) for one in found] == [
        ("change", "User[a]", (Parameter("uid", "1", "2"),)),
        ("remove", "User[b]", ()),
        ("add", "User[c]", ()),
    ]


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [("1.9-1", "1.10-1", "up"), ("1.0-1", "1.0~rc1-1", "down"), ("installed", "1.0-1", ""), ("1.0-1", "absent", "")],
)
def test_a_version_is_compared_as_debian_does(old: str, new: str, direction: str) -> None:
    ((parameter,),) = [
        one.parameters for one in compare({"Package[a]": {"ensure": old}}, {"Package[a]": {"ensure": new}})
    ]
    assert parameter.direction == direction


def test_text_of_a_file_is_compared_line_by_line() -> None:
    (change,) = compare({"File[/a]": {"content": "one\ntwo\n"}}, {"File[/a]": {"content": "one\n2\n"}})
    assert change.parameters[0].diff == ("@@ -1,2 +1,2 @@", " one", "-two", "+2")


def test_a_newline_at_the_end_is_a_difference_that_is_named() -> None:
    (change,) = compare({"File[/a]": {"content": "one"}}, {"File[/a]": {"content": "one\n"}})
    assert change.parameters[0].diff == ("(white space at the ends of lines)",)


@pytest.mark.parametrize("secret", [{"sensitive": ["content"]}, {"show_diff": False}])
def test_a_secret_file_is_never_shown(secret: dict[str, Any]) -> None:
    (change,) = compare({"File[/a]": {"content": "old", **secret}}, {"File[/a]": {"content": "new", **secret}})
    assert change.parameters == (Parameter("content", HIDDEN, HIDDEN),)


@pytest.mark.parametrize(("reference", "name"), [("File[/a]", "content"), ("User[a]", "password")])
def test_what_becomes_secret_does_not_show_what_it_was(reference: str, name: str) -> None:
    (change,) = compare({reference: {name: "hush"}}, {reference: {name: "hush2", "sensitive": [name]}})
    assert change.parameters == (Parameter(name, HIDDEN, HIDDEN),)


def test_a_file_in_which_only_the_version_differs_goes_with_its_package() -> None:
    def resources(version: str, more: str = "") -> Resources:
        return {"Package[a]": {"ensure": version}, "File[/unit]": {"content": f"[X]\nVersion={version}\n{more}"}}

    assert [one.follows for one in compare(resources("1-1"), resources("2-1"))] == ["Package[a]", ""]
    assert [one.follows for one in compare(resources("1-1"), resources("2-1", "Nice=5\n"))] == ["", ""]


def test_a_file_that_fragments_make_is_one_file_in_their_order() -> None:
    def resources(order: str, *fragments: tuple[str, str, str]) -> Resources:
        parts = {
            f"Concat_fragment[{title}]": {"target": "/a", "order": place, "content": text}
            for title, place, text in fragments
        }
        return {"Concat_file[/a]": {"path": "/a", "order": order}, **parts}

    old = resources("alpha", ("x", "9", "nine\n"), ("y", "10", "ten\n"))
    (change,) = compare(old, resources("numeric", ("x", "9", "nine\n"), ("y", "10", "ten\n")))
    assert [one.name for one in change.parameters] == ["order", "content"]
    assert change.parameters[1].diff[1:] == ("+nine", " ten", "-nine")
    (change,) = compare(old, resources("alpha", ("x", "9", "nine\n"), ("y", "10", "ten\n"), ("z", "95", "more\n")))
    assert change.reference == "Concat_file[/a]"
    assert change.parameters[0].diff[-1] == "+more"


def test_new_and_lost_orders_are_those_between_resources_that_stay() -> None:
    old = catalog({"File[/a]": {"before": "File[/b]"}, "File[/b]": {}, "File[/c]": {}})
    new = catalog(
        {"File[/a]": {}, "File[/b]": {"subscribe": ["File[/c]"]}, "File[/c]": {}, "File[/d]": {"require": "File[/a]"}}
    )
    assert dependencies.find(old, new) == [
        Dependency("remove", "File[/a]", "before", "File[/b]"),
        Dependency("add", "File[/c]", "notify", "File[/b]"),
    ]


def test_the_same_order_said_from_the_other_side_is_no_change() -> None:
    old = catalog({"File[/a]": {"before": "File[/b]"}, "File[/b]": {}})
    new = catalog({"File[/a]": {}, "File[/b]": {"require": ["File[/a]"]}})
    assert dependencies.find(old, new) == []


def test_what_is_said_of_a_file_that_is_not_to_be_there_is_no_change() -> None:
    gone = {"ensure": "absent", "content": "one\n", "mode": "0600"}
    assert compare({"File[/a]": gone}, {"File[/a]": {**gone, "content": "two\n", "mode": "0644"}}) == []
    (back,) = compare({"File[/a]": gone}, {"File[/a]": {"ensure": "file", "content": "one\n"}})
    assert Parameter("ensure", '"absent"', '"file"') in back.parameters


def test_what_only_the_node_works_out_is_compared_by_what_it_is_worked_out_from() -> None:
    def deferred(argument: Any) -> dict[str, Any]:
        return {"content": {"__ptype": "Deferred", "name": "sprintf", "arguments": ["%s", argument]}}

    assert compare({"File[/a]": deferred("x")}, {"File[/a]": deferred("x")}) == []
    (change,) = compare({"File[/a]": deferred("x")}, {"File[/a]": deferred("y")})
    assert any('"x"' in line for line in change.parameters[0].diff)
    secret = {"__ptype": "Sensitive", "__pvalue": "the-secret"}
    (hidden,) = compare({"File[/a]": deferred("x")}, {"File[/a]": deferred(secret)})
    assert hidden.parameters == (Parameter("content", HIDDEN, HIDDEN),)
