"""The preloaded agent leaves out what it would do once more: what comes of a run is what comes of it otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest
from fleet_cli import rootfs

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("loaded_ahead.rb")


def said(*arguments: str) -> Any:
    """What loaded_ahead.rb makes of its arguments."""
    binds = {REPO / "site/profile/files/puppet_agent": "/puppet_agent", SCRIPT: "/loaded_ahead.rb"}
    return json.loads(
        rootfs.run("toolbox", ["ruby", "/loaded_ahead.rb", *arguments], binds=binds).stdout.splitlines()[-1]
    )


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (["--environment", "staging"], ["--environment"]),
        (["--environment=staging", "--color=false"], ["--environment", "--color"]),
        (["--no-noop"], ["--[no-]noop"]),
        (["--No_Noop"], ["--[no-]noop"]),
        (["--use-cached-catalog"], ["--[no-]use_cached_catalog"]),
        (["-E", "staging"], ["--environment"]),
        (["--waitforl", "120"], ["--waitforlock"]),
        (["--test"], []),
        ([], []),
    ],
)
def test_an_option_means_the_setting_that_it_means_otherwise(given: list[str], options: list[str]) -> None:
    parsed = said("options", *given)
    assert set(options) <= set(parsed)
    assert len(parsed) <= 5  # --environment is the beginning of others


def test_what_may_be_several_short_options_is_left_to_puppet() -> None:
    assert len(said("options", "-tv")) > 200


def test_the_files_of_a_run_are_read_once_and_written_where_they_change() -> None:
    """A run that took an old state for the present one would report changes that it did not see, or hide some."""
    assert said("files") == {
        "read state.yaml": 2,
        "written state.yaml": 2,
        "kept": ["resource"],
        "read transactionstore.yaml": 2,
        "written transactionstore.yaml": 2,
    }


def test_the_catalog_is_kept_as_it_was_before_anything_was_resolved() -> None:
    """A node whose server is down runs on it."""
    assert said("catalog", "json") == {
        "same_text": True,
        "environment": "production",
        "deferred": "join",
        "secret": "secret",
        "later": "a-b",
    }


def test_a_catalog_that_is_kept_in_another_format_is_copied() -> None:
    assert said("catalog", "yaml") == {"copy": "Puppet::Resource::Catalog"}


def test_what_is_asked_ahead_answers_for_what_the_last_catalog_had() -> None:
    assert said("ahead", "kept") == {
        "known": {"a": "active", "b": "active"},
        "more": None,
        "packages": 1,
        "other": None,
    }


@pytest.mark.parametrize("kept", ["none", "broken"])
def test_without_a_last_catalog_nothing_is_known_ahead(kept: str) -> None:
    assert said("ahead", kept) == {"known": None, "more": None, "packages": None, "other": None}
