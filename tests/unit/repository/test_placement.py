"""`fleet` finds a service on the nodes on which Puppet does."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_cli.repository import placement

PATTERNS = yaml.safe_load(Path(__file__).parents[2].joinpath("node_patterns.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", PATTERNS, ids=[case["pattern"] for case in PATTERNS])
def test_a_pattern_matches_what_it_says(case: dict[str, Any]) -> None:
    names = case["matches"] + case["others"]
    assert [name for name in names if placement.matches(case["pattern"], name)] == case["matches"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("app[3-1].x", "3-1 runs backward"),
        ("app[01-100].x", "01-100 has a leading zero and numbers of different lengths"),
        ("payments", "neither a group nor a certname"),
        ("app[1-3].x", ""),
        ("app1.x", ""),
        ("*", ""),
    ],
)
def test_a_pattern_that_can_match_nothing_is_told(pattern: str, words: str) -> None:
    told = placement.fault(pattern, ["app1.x"])
    assert words in told
    assert bool(words) == bool(told)


def test_a_word_may_be_a_certname_where_nodes_have_names_of_one_word() -> None:
    assert placement.fault("app1", ["app1", "app2"]) == ""


def test_a_service_runs_on_the_members_of_its_groups() -> None:
    groups = {"payments": ["pay[1-2].x"], "none": []}
    assert placement.runs(["payments"], groups, "pay2.x")
    assert placement.runs(["none", "app1.x"], groups, "app1.x")
    assert not placement.runs(["none"], groups, "pay1.x")
