"""Which environment Puppet Server tells a node, and whose files it may have."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deploys import deploying, puppet_server
from deploys.answers import Answer, Answers, changing
from deploys.layout import Layout

from . import answering

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("deploy_answers.rb")
OLD, NEW, TRIAL, OF_TIER = "c_0000000001", "c_0000000002", "c_0000000003", "c_0000000004"
NODE, RUN = "app1.fleet.test", "b5fa32e4-56c2-4f52-b270-25ec29193e87"


def answer(environment: str, until: int | None = None) -> dict[str, Any]:
    return {"environment": environment, "until": until}


def answers(
    fleet: str,
    tiers: dict[str, Any] | None = None,
    nodes: dict[str, Any] | None = None,
    rollouts: dict[str, Any] | None = None,
) -> str:
    said = {"fleet": answer(fleet), "tiers": tiers or {}, "nodes": nodes or {}}
    return json.dumps(said if rollouts is None else {**said, "rollouts": rollouts})


ASK: list[Callable[[Any], Any]] = []


@pytest.fixture(scope="module", autouse=True)
def ruby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ruby that has loaded Puppet."""
    with answering.ruby(
        SCRIPT, {REPO / "site/profile/files/puppetserver/ruby": "/ruby"}, tmp_path_factory.mktemp("ruby")
    ) as ask:
        ASK.append(ask)
        yield
        ASK.clear()


def told(text: str | None, *questions: list[Any]) -> list[Any]:
    """What answers.rb says to each question."""
    (ask,) = ASK
    found: list[Any] = ask({"answers": text, "questions": questions})
    return found


def test_the_narrowest_answer_counts_and_a_trial_ends() -> None:
    now = int(time.time())
    nodes = {"a.test": answer(TRIAL, now + 600), "b.test": answer(TRIAL, now - 1)}
    assert told(
        answers(OLD, {"staging": answer(OF_TIER)}, nodes),
        ["environment", "a.test", "staging", "production"],
        ["environment", "b.test", "staging", "production"],
        ["environment", "b.test", "production", "production"],
        ["environment", "c.test", None, "production"],
    ) == [TRIAL, OF_TIER, OLD, OLD]


def test_a_rollout_reaches_the_nodes_of_its_waves_in_its_tier_and_nobody_else() -> None:
    now = int(time.time())
    rollout = {"environment": NEW, "nodes": ["a.test", "b.test", "trial.test"]}
    text = answers(OLD, {"staging": answer(OF_TIER)}, {"trial.test": answer(TRIAL, now + 600)}, {"staging": rollout})
    assert told(
        text,
        ["environment", "a.test", "staging", "production"],
        ["environment", "a.test", "production", "production"],
        ["environment", "c.test", "staging", "production"],
        ["environment", "trial.test", "staging", "production"],
        ["may_read", "b.test", "staging", NEW, True],
        ["may_read", "c.test", "staging", NEW, True],
        ["may_read", "b.test", "staging", OF_TIER, True],
        ["answers", answers(OLD, rollouts={})],
        ["environment", "a.test", "staging", "production"],
    ) == [NEW, OLD, OF_TIER, TRIAL, True, False, False, len(answers(OLD, rollouts={})), OLD]


def test_a_run_is_told_the_same_to_its_end_whatever_is_deployed_meanwhile() -> None:
    """It would have facts and plugins of one commit, and a catalog of another."""
    found = told(
        answers(OLD),
        ["environment", NODE, "production", "production", RUN],
        ["answers", answers(NEW)],
        ["environment", NODE, "production", OLD, RUN],
        ["environment", NODE, "production", OLD, RUN.replace("b", "c")],
        ["environment", NODE, "production", OLD, RUN],
        ["age", NODE, 3 * 60 * 60],
        ["environment", NODE, "production", OLD, RUN],
    )
    assert [found[number] for number in (0, 2, 3, 4, 6)] == [OLD, OLD, NEW, OLD, NEW]


def test_only_files_of_what_a_node_is_given_are_served_to_it() -> None:
    """Plugins are code that a node runs as root before it has a catalog."""
    found = told(
        answers(OLD),
        ["may_read", NODE, "production", OLD, True],
        ["may_read", NODE, "production", NEW, True],
        ["may_read", NODE, "production", "production", True],
        ["environment", NODE, "production", "production", RUN],
        ["answers", answers(NEW)],
        ["environment", NODE, "production", OLD, "another"],
        ["may_read", NODE, "production", OLD, False],
        ["may_read", NODE, "production", OLD, True],
        ["age", NODE, 3 * 60 * 60],
        ["may_read", NODE, "production", OLD, False],
        ["may_read", NODE, "production", NEW, True],
    )
    assert [found[number] for number in (0, 1, 2)] == [True, False, False]
    assert found[6] is True, "a run that is under way was refused its files"
    assert found[7] is False
    assert (found[9], found[10]) == (False, True)


def test_who_can_not_be_told_gets_an_error_and_never_what_he_asked_for() -> None:
    """A node would apply an empty catalog."""
    damaged = told("{", ["environment", NODE, "production", "production", RUN])
    assert "answers.json can't be read" in damaged[0]
    missing = told(None, ["environment", NODE, "production", "empty"], ["environment", NODE, "production", OLD])
    assert ["nothing is deployed on this server" in text for text in missing] == [True, True]
    assert "is no certname" in told(answers(OLD), ["environment", "../x", None, OLD, RUN])[0]


def test_before_the_first_deploy_plain_environments_go_on() -> None:
    """The run that brings deploys to a server would end in the middle."""
    found = told(None, ["environment", NODE, None, "production", RUN], ["may_read", NODE, None, "production", True])
    assert found == ["production", True]


def test_an_answer_goes_back_step_by_step_and_a_deploy_after_that_comes_back_there() -> None:
    state = Answers()
    for name in (OLD, NEW, TRIAL):
        state.follow("production", name, "me")
    assert state.fleet
    assert state.fleet.before == [OLD, NEW]
    state.fleet = state.fleet.back("me")
    assert (state.fleet.environment, state.fleet.before) == (NEW, [OLD])
    state.follow("production", OF_TIER, "me")
    assert (state.fleet.environment, state.fleet.before) == (OF_TIER, [OLD, NEW])


def test_the_ways_back_are_not_removed() -> None:
    state = Answers(Answer("c_9", "production", 0, "me", before=["c_7", "c_8"]), deploys=["c_1"])
    state.tiers["staging"] = Answer("c_5", "topic", 0, "me")
    assert state.kept() == {"c_1", "c_5", "c_7", "c_8", "c_9"}
    assert state.in_use() == {"c_5", "c_9"}


def test_the_last_ten_deploys_are_kept_and_what_a_node_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is under way would lose its files; and without an end the disk would fill up."""
    names = [
        "making",
        "checkouts",
        "r10k_cache",
        "r10k",
        "r10k_config",
        "signed",
        "state/given",
        *(f"environments/c_{n:010}" for n in range(16)),
    ]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
    places = {
        name: tmp_path / name
        for name in ("environments", "making", "checkouts", "r10k_cache", "r10k", "r10k_config", "state", "signed")
    }
    layout = Layout(**places, confdir=tmp_path, account="root")
    state = [f"c_{n:010}" for n in range(16)]
    for name in state[2:15]:
        with changing(layout.answers) as found:
            found.follow("production", name, "me")
            found.note_deploy("production", name)
    (tmp_path / "signed/app1.fleet.test.pem").touch()
    now = int(time.time())
    used = [{"environment": state[1], "at": now - 99999}, {"environment": state[15], "at": now - 99999}]
    (layout.given / "app1.fleet.test.json").write_text(json.dumps(used))
    (layout.given / "gone.fleet.test.json").write_text(json.dumps([{"environment": state[0], "at": now}]))
    (tmp_path / "environments/production").mkdir()
    (tmp_path / "environments/production/.r10k-deploy.json").touch()
    forgotten: list[str] = []

    def forget(gone: list[str]) -> set[str]:
        forgotten.extend(gone)
        return set(gone)

    monkeypatch.setattr(puppet_server, "forget", forget)
    deploying.tidy(layout)
    kept = {path.name for path in layout.environments.iterdir()}
    assert kept == {state[1], *state[5:15], "production"}
    assert "is no deployed commit" in (layout.environments / "production/manifests/site.pp").read_text()
    assert sorted(forgotten) == [state[0], *state[2:5], state[15], "production"]
