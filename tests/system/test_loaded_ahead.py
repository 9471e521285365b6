"""The preloaded agent leaves out what it would do once more: what comes of a run is what comes of it otherwise."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import answering

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("loaded_ahead.rb")
PATCHES = {
    REPO / "site/profile/files/puppet_patches": "/usr/local/lib/site_ruby/puppet_patches",
    REPO / "site/profile/files/puppet_agent/patches": "/patches",
}
ASK: list[Callable[[Any], Any]] = []


@pytest.fixture(scope="module", autouse=True)
def ruby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ruby that has loaded Puppet."""
    with answering.ruby(SCRIPT, PATCHES, tmp_path_factory.mktemp("ruby")) as ask:
        ASK.append(ask)
        yield
        ASK.clear()


def said(*arguments: str) -> Any:
    """What loaded_ahead.rb makes of its arguments."""
    (ask,) = ASK
    return ask(arguments)


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
        (["--waitforlock=1", "--maxwaitforlock=300"], ["--waitforlock", "--maxwaitforlock"]),
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
        "own": ["dpkg"],
        "more_own": 'asked for ["dpkg", "tar"]',
        "own_after": 'asked for ["dpkg"]',
        "types": ["service", "package"],
    }


@pytest.mark.parametrize("kept", ["none", "broken"])
def test_without_a_last_catalog_nothing_is_known_ahead(kept: str) -> None:
    assert said("ahead", kept) == {
        "known": None,
        "more": None,
        "packages": None,
        "other": None,
        "own": 'asked for ["dpkg"]',
        "more_own": 'asked for ["dpkg", "tar"]',
        "own_after": 'asked for ["dpkg"]',
        "types": [],
    }


@pytest.mark.parametrize("permissions", ["ignore", "use"])
@pytest.mark.parametrize(
    ("change", "in_place"),
    [
        ("true", True),
        ("mkdir /source/.git", True),
        ("printf new > /source/two.rb", False),
        ("printf old > /plugins/two.rb", False),
        ("rm /plugins/puppet/type/one.rb", False),
        ("rmdir /plugins/empty", False),
        ("rmdir /source/empty", False),
        ("rm /source/two.rb", False),
        ("touch /plugins/.left", False),
        ("mkdir -p /plugins/left/over", False),
        ("chown 7 /plugins/two.rb", False),
        ("chgrp 7 /plugins/puppet", False),
        ("mv /plugins/two.rb /kept && ln -s /kept /plugins/two.rb", False),
        ("rm -r /plugins/empty && printf x > /plugins/empty", False),
        ("rm -r /plugins", False),
        ("rm -r /source", False),
    ],
)
def test_plugins_are_those_of_the_server_whatever_was_there(permissions: str, change: str, *, in_place: bool) -> None:
    """A node would run on old code, or on some that somebody else may have put there."""
    ours = said("plugins", "preloaded", permissions, change)
    plain = said("plugins", "plain", permissions, change)
    assert ours["catalogs"] == (0 if in_place else 1)
    assert plain["catalogs"] == 1
    assert [ours["written"], ours["there"]] == [plain["written"], plain["there"]]


def test_modes_of_facts_are_those_of_the_server() -> None:
    """An external fact that may not be executed is not one."""
    ours = said("plugins", "preloaded", "use", "chmod 600 /plugins/two.rb")
    assert ours["written"] == ["/plugins/two.rb"]
    assert ours == said("plugins", "plain", "use", "chmod 600 /plugins/two.rb")
    assert said("plugins", "preloaded", "ignore", "chmod 600 /plugins/two.rb")["catalogs"] == 0


@pytest.mark.parametrize(
    ("environment", "host", "questions"),
    [("production", "primary", 1), ("staging", "primary", 2), ("production", "other", 2)],
)
def test_the_server_is_asked_once_for_the_plugins_of_an_environment(
    environment: str, host: str, questions: int
) -> None:
    """Plugins of another server or environment would be taken for those that the node is to have."""
    assert said("questions", "production", environment, host, "able") == {
        "asked": [True] * questions,
        "answer": environment,
    }


def test_a_server_that_cannot_list_its_plugins_fails_the_download_of_them() -> None:
    """A server's environment is there all the same; without plugins, a catalog would be applied with old ones."""
    said_so = said("questions", "production", "production", "primary", "unable")
    assert said_so["asked"] == [True, "false", True]
    assert "Server Error" in said_so["answer"]


def runs(mount: str, first: str, second: str, given: str = "given", between: str = "") -> list[Any]:
    """How many questions each of two runs asks; both are answered with files of their own environment."""
    answered = said("runs", mount, first, second, given, between)
    assert [run["answers"] for run in answered] == [[[first, "{md5}f"]], [[second, "{md5}f"]]]
    return [run["asked"] for run in answered]


COMMIT, OTHER = "c_0123456789", "c_9876543210"


@pytest.mark.parametrize("mount", ["plugins", "pluginfacts", "locales", "modules"])
def test_files_of_a_commit_are_asked_for_once(mount: str) -> None:
    """They never change: each run would have the server go through them all again."""
    assert runs(mount, COMMIT, COMMIT) == [2, 0]


@pytest.mark.parametrize(
    ("mount", "first", "second", "given"),
    [
        ("plugins", COMMIT, OTHER, "given"),
        ("plugins", "production", "production", "given"),
        ("plugins", COMMIT, COMMIT, "not given"),
        ("files", COMMIT, COMMIT, "given"),
    ],
)
def test_files_that_may_have_changed_are_asked_for_in_each_run(mount: str, first: str, second: str, given: str) -> None:
    """A node would stay on files of before: of another commit, of a branch, of a directory of the server's."""
    assert runs(mount, first, second, given) == [2, 2]


@pytest.mark.parametrize("between", ["{", "[]", "7", '{"environment":"c_0123456789","answers":[]}'])
def test_a_broken_file_of_what_was_asked_is_made_anew(between: str) -> None:
    """A disk that was full would leave a node without runs."""
    assert runs("plugins", COMMIT, COMMIT, between=between) == [2, 2]


def test_what_was_asked_is_for_root_alone() -> None:
    """Whoever may write there has root's plugins left as they are."""
    assert said("runs", "plugins", COMMIT, COMMIT, "given", "")[0]["mode"] == "100600"


@pytest.mark.parametrize(("server", "logged"), [("up", []), ("down", ["the server is down"])])
def test_the_copy_of_a_report_waits_for_no_server(server: str, logged: list[str]) -> None:
    assert said("report", server) == {"early": True, "kept": True, "logged": logged}


def test_a_run_begins_where_the_server_says_and_says_so_of_a_move_only() -> None:
    """Plugins of the commit that the node was on before would be loaded, and then others beside them."""
    assert said("environment", "c_1", "c_1") == {"begun": "c_1", "asked": "c_1", "said": []}
    moved = said("environment", "c_1", "c_2")
    assert (moved["begun"], len(moved["said"])) == ("c_2", 1)
    assert "'c_1' doesn't match server specified node environment 'c_2'" in moved["said"][0]


def test_where_the_server_can_not_be_asked_a_run_begins_where_the_last_one_ended() -> None:
    """The catalog that the node has kept would not be applied while the server is down."""
    down = said("environment", "c_1")
    assert down["begun"] == "c_1"
    assert "the server is down" in down["said"]


def test_a_move_whose_plugins_can_not_be_fetched_applies_no_catalog_of_before() -> None:
    """It would be applied by types and providers of another commit."""
    assert said("unfetched", "c_1", "c_1") == "the catalog that is kept"
    assert said("unfetched", "c_1", "c_2") == "the plugins of environment 'c_2' can't be fetched"


def test_types_of_the_last_catalog_are_loaded_ahead() -> None:
    """One with a provider that does not load fails a catalog that needs it, as it does where it is loaded later."""
    assert said("types", "file", "known", "broken", "half", "class", "profile::base") == {
        "loaded": ["known"],
        "error": ["autoload puppet/type/half:"],
    }


def test_a_command_that_hangs_holds_up_no_run_and_leaves_no_process() -> None:
    """One on a dead disk would do so in each run."""
    assert said("hanging") == {"answer": None, "kept": False, "running": ""}
