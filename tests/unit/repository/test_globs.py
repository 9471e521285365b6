"""A glob of hiera.yaml matches here what it matches for Ruby, wherever it is asked."""

import re

import pytest
from fleet_cli.planning.environment import Environment
from fleet_cli.repository import globs
from fleet_cli.repository.layers import order_of

FILES = (
    "a.yaml", "a/x.yaml", "b/x.yaml", "c.yaml", "B.yaml", ".h.yaml", ".hid/x.yaml", "a-b/y.yaml", "b/.z.yaml",
    "b/deep/q.yaml",
)  # fmt: skip
# What `Pathname.glob` of Ruby gives for these files, directories left out.
TRUE = {
    "**/*.yaml": ["B.yaml", "a/x.yaml", "a-b/y.yaml", "a.yaml", "b/deep/q.yaml", "b/x.yaml", "c.yaml"],
    "*/*.yaml": ["a/x.yaml", "a-b/y.yaml", "b/x.yaml"],
    "{b,a}/*.yaml": ["b/x.yaml", "a/x.yaml"],
    "{b,a": [],
    "**.yaml": ["B.yaml", "a.yaml", "c.yaml"],
    ".*.yaml": [".h.yaml"],
    "?.yaml": ["B.yaml", "a.yaml", "c.yaml"],
    "[a-b].yaml": ["a.yaml"],
    "[^a].yaml": ["B.yaml", "c.yaml"],
    "[!a].yaml": ["B.yaml", "c.yaml"],
    "[]a].yaml": [],
    "[^].yaml": ["B.yaml", "a.yaml", "c.yaml"],
    "[b-a].yaml": ["a.yaml"],
    "[.]h.yaml": [],
    "[a-].yaml": ["a.yaml"],
    "{a,b}{/x,.}*yaml": ["a/x.yaml", "a.yaml", "b/x.yaml"],
    "{a,{b,c}}.yaml": ["a.yaml", "c.yaml"],
    "{.hid,b}/*.yaml": [".hid/x.yaml", "b/x.yaml"],
    "b/**/*.yaml": ["b/deep/q.yaml", "b/x.yaml"],
    "**/**/x.yaml": ["a/x.yaml", "b/x.yaml"],
    "b/**": ["b/x.yaml"],
    "}a.yaml": [],
    r"\a.yaml": ["a.yaml"],
}


@pytest.mark.parametrize(("pattern", "true"), TRUE.items(), ids=TRUE)
def test_a_glob_matches_what_it_does_for_ruby_in_its_order(pattern: str, true: list[str]) -> None:
    found = [
        name
        for one in globs.alternatives(pattern)
        for name in sorted(FILES, key=order_of)
        if re.fullmatch(globs.expression(one), name)
    ]
    assert found == true


@pytest.mark.parametrize(("pattern", "true"), TRUE.items(), ids=TRUE)
def test_a_plan_knows_the_files_of_a_glob_that_a_catalog_is_made_from(pattern: str, true: list[str]) -> None:
    environment = Environment("", "", dict.fromkeys(FILES, ""), None, ())
    found = environment.matching(pattern)
    assert [name for name in found if name in FILES] == sorted(true)
    assert {*found} - {*FILES} <= environment.directories
