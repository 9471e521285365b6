"""A rollout reaches a tier in waves: who is given what, whoever else changes answers, and what comes twice or late."""

import json

import pytest

from .server import Server

APP1, APP2, STAGING1 = "app1.fleet.test", "app2.fleet.test", "staging1.fleet.test"


class Rollout:
    """A rollout's controller, as it calls the server."""

    def __init__(self, server: Server, commit: str, number: int = 7, epoch: int = 1) -> None:
        self.server, self.commit = server, commit
        self.words = ["--rollout", str(number), "--epoch", str(epoch)]

    def __call__(self, tier: str, *arguments: str) -> str:
        return self.server.ok(self.commit, "--kept", *self.words, "--tier", tier, *arguments)

    def refused(self, tier: str, *arguments: str) -> str:
        """Call the server, which refuses that in one line and changes nothing."""
        return refused(self.server, self.commit, "--kept", *self.words, "--tier", tier, *arguments)


def refused(server: Server, *arguments: str) -> str:
    before = server.answers
    result = server(*arguments)
    assert result.returncode == 1, result.stdout
    assert server.answers == before
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


@pytest.fixture
def sealed(deployed: Server) -> tuple[Server, str, str]:
    """A server, the environment that the fleet is given, and one that was sealed for a rollout."""
    for name in (APP1, APP2, STAGING1):
        (deployed.directory / f"signed/{name}.pem").touch()
        tier = "staging" if name == STAGING1 else "production"
        (deployed.directory / "state/given").mkdir(exist_ok=True)
        text = f'[{{"environment": "{deployed.given}", "run": "r", "at": 1, "tier": "{tier}"}}]'
        (deployed.directory / f"state/given/{name}.json").write_text(text)
    old = deployed.given
    new = deployed.change(81)
    assert "no node is given it yet" in deployed.ok("production", "--seal")
    assert (deployed.given, new in deployed.environments) == (old, True)
    return deployed, old, new


def test_waves_then_the_tier_then_the_fleet_and_its_way_back(sealed: tuple[Server, str, str]) -> None:
    server, old, new = sealed
    call = Rollout(server, new)
    call("staging", "--begin")
    call("staging", "--node", STAGING1)
    call("staging", "--finish")
    assert server.answers["tiers"]["staging"]["environment"] == new
    call("production", "--begin")
    call("production", "--node", APP1)
    call("production", "--node", APP1, "--node", APP2)
    rollout = server.answers["rollouts"]["production"]
    assert (rollout["environment"], rollout["nodes"], server.given) == (new, [APP1, APP2], old)
    call("production", "--no-nodes")
    assert server.answers["rollouts"]["production"]["nodes"] == []
    call("production", "--finish", "--fleet")
    assert (server.given, server.answers["tiers"], server.answers["rollouts"]) == (new, {}, {})
    server.ok("--back")
    assert server.given == old


def test_a_call_that_comes_twice_changes_nothing(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    call = Rollout(server, new)
    for arguments in (["--begin"], ["--node", APP1], ["--finish", "--fleet"]):
        call("production", *arguments)
        first = server.answers
        call("production", *arguments)
        assert server.answers == first, arguments
    again = Rollout(server, new, 8)
    again("production", "--begin")
    for _ in range(2):
        again("production", "--abort")
        assert server.answers["rollouts"] == {}


def test_after_an_abort_all_is_as_it_was(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    before = {name: server.answers[name] for name in ("fleet", "tiers", "nodes", "branches", "rollouts")}
    call = Rollout(server, new)
    call("staging", "--begin")
    call("staging", "--node", STAGING1)
    call("staging", "--finish")
    call("production", "--begin")
    call("production", "--node", APP1)
    for tier in ("production", "staging"):
        call(tier, "--abort")
    assert {name: server.answers[name] for name in before} == before


def test_an_abort_goes_back_to_the_tiers_own_answer(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    topic = server.change(90, branch="topic")
    server.ok("topic", "--tier", "staging")
    call = Rollout(server, new)
    call("staging", "--begin")
    call("staging", "--finish")
    assert server.answers["tiers"]["staging"]["environment"] == new
    call("staging", "--abort")
    answer = server.answers["tiers"]["staging"]
    assert (answer["environment"], answer["branch"]) == (topic, "topic")


def test_a_controller_that_was_left_behind_can_do_nothing(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    late, now = Rollout(server, new, epoch=1), Rollout(server, new, epoch=2)
    late("production", "--begin")
    now("production", "--node", APP1)
    for arguments in (["--begin"], ["--no-nodes"], ["--finish"], ["--abort"]):
        assert "another controller has taken over rollout 7" in late.refused("production", *arguments)
    now("production", "--abort")
    for arguments in (["--begin"], ["--node", APP1], ["--finish", "--fleet"], ["--abort"]):
        assert "rollout 7 was aborted in production already" in late.refused("production", *arguments)


def test_one_at_a_time_in_a_tier(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    Rollout(server, new)("production", "--begin")
    second = Rollout(server, new, 8)
    for arguments in (["--begin"], ["--node", APP1], ["--finish"], ["--abort"]):
        assert "rollout 7 of root is under way in production since " in second.refused("production", *arguments)
    second("staging", "--begin")
    Rollout(server, new)("production", "--abort")
    second("production", "--begin")
    second("production", "--abort")
    assert "rollout 7 is an old one: rollout 8 was aborted" in Rollout(server, new).refused("production", "--begin")


def test_a_fleet_that_another_tier_under_way_follows_is_not_moved(sealed: tuple[Server, str, str]) -> None:
    """Its nodes outside of the waves would get a commit that no wave has brought them."""
    server, old, new = sealed
    other = server.change(82)
    server.ok("production", "--seal")
    Rollout(server, other, 8)("staging", "--begin")
    call = Rollout(server, new)
    call("production", "--begin")
    assert "rollout 8 of root is under way in staging" in call.refused("production", "--finish", "--fleet")
    Rollout(server, other, 8)("staging", "--abort")
    call("production", "--finish", "--fleet")
    assert server.given == new != old


def test_changes_by_hand_in_a_tier_under_way_are_refused_or_say_what_they_step_on(
    sealed: tuple[Server, str, str],
) -> None:
    server, old, new = sealed
    server.ok("production", "--seal")
    call = Rollout(server, new)
    call("production", "--begin")
    call("production", "--node", APP1)
    hotfix = server.change(83)
    by_hand = [
        ["production"],
        [new, "--kept"],
        [new, "--kept", "--tier", "production"],
        [new, "--kept", "--node", APP1],
        [new, "--kept", "--node", APP2],
    ]
    for arguments in by_hand:
        told = refused(server, *arguments)
        assert "rollout 7 of root is under way in production since " in told
        assert "fleet rollout status" in told
    server.ok(new, "--kept", "--tier", "staging")
    server.ok(new, "--kept", "--node", STAGING1)
    told = server.ok("production", "--now")
    assert "steps on it: rollout 7 of root" in told
    assert APP1 in told
    assert server.given == hotfix
    assert server.answers["rollouts"]["production"]["environment"] == new
    assert "under way" in refused(server, "--back")
    server.ok("--back", "--now")
    assert server.given == old


def test_an_own_answer_of_a_tier_under_way_is_not_ended_by_hand(sealed: tuple[Server, str, str]) -> None:
    server, old, new = sealed
    server.change(90, branch="topic")
    server.ok("topic", "--tier", "production")
    Rollout(server, new)("production", "--begin")
    assert "under way" in refused(server, "--end", "--tier", "production")
    server.ok("production")
    assert server.given == new != old, "a deploy to those who are not in the tier was refused"


def test_r10ks_own_deploy_is_sealed_and_given_to_nobody(sealed: tuple[Server, str, str]) -> None:
    """A webhook deploys what is pushed in the middle of a rollout."""
    server, old, new = sealed
    Rollout(server, new)("production", "--begin")
    pushed = server.change(84)
    result = server.run(["r10k", "deploy", "environment", "production", "--modules"])
    assert result.returncode == 0, result.stderr
    assert "rollout 7 of root is under way in production" in result.stdout
    assert (server.given, pushed in server.environments) == (old, True)


def test_the_environment_of_a_rollout_is_kept_while_others_are_deployed(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    call = Rollout(server, new)
    call("production", "--begin")
    answers = server.directory / "state/answers.json"
    # As if more deploys had come after it than are kept.
    data = json.loads(answers.read_text())
    data["deploys"].remove(new)
    data["branches"]["production"] = server.given
    answers.write_text(json.dumps(data))
    server.change(85, branch="topic")
    server.ok("topic")
    assert new in server.environments
    call("production", "--abort")
    server.change(86, branch="topic")
    server.ok("topic")
    assert new not in server.environments, "an aborted rollout leaves its environment for good"


def test_answers_of_before_there_were_rollouts_are_read(deployed: Server) -> None:
    file = deployed.directory / "state/answers.json"
    data = json.loads(file.read_text())
    for name in ("rollouts", "ended"):
        del data[name]
    del data["fleet"]["rollout"]
    file.write_text(json.dumps(data))
    assert json.loads(deployed.ok("--list", "--json"))["rollouts"] == {}
    deployed.change(86)
    deployed.ok("production")


def test_the_list_shows_what_is_under_way(sealed: tuple[Server, str, str]) -> None:
    server, _, new = sealed
    call = Rollout(server, new)
    call("production", "--begin")
    call("production", "--node", APP1)
    assert "rollout 7 of root is under way in production since" in server.ok("--list")
    assert json.loads(server.ok("--list", "--json"))["rollouts"]["production"]["nodes"] == [APP1]


def test_a_node_without_a_certificate_is_in_no_wave_and_one_that_has_lost_it_hinders_nobody(
    sealed: tuple[Server, str, str],
) -> None:
    server, _, new = sealed
    call = Rollout(server, new)
    call("production", "--begin")
    assert "nosuch.fleet.test" in call.refused("production", "--node", "nosuch.fleet.test")
    call("production", "--node", APP1)
    (server.directory / f"signed/{APP1}.pem").unlink()
    call("production", "--node", APP1, "--node", APP2)
    assert server.answers["rollouts"]["production"]["nodes"] == [APP1, APP2]
