"""A change reaches production in waves, is judged by what it does, and takes itself back; clients notice no switch.

The drill `rollout` in test_rollout_drill.py has the other ways in which a change is bad.
"""

import re
import time
from collections.abc import Iterator

import pytest
from conftest import restored
from deployed import LAB, connect, fleet_environment
from fleet_cli.repository.labfile import Lab
from releases import answers_500
from rollouts import DONE, PAUSED, TAKEN_BACK, Rollouts, app_nodes, given, load, under_way
from waiting import wait_for
from workspace import Workspace

pytestmark = pytest.mark.deploys

GOOD, BAD, PAUSING = "8.0.0-1", "8.1.0-1", "8.2.0-1"
HARM_SECONDS = 60
"""On a busy machine; the drill measures it."""
WAVE_SECONDS = 240.0
ACCESS_LOG = "/var/log/puppetserver/puppetserver-access.log"


@pytest.fixture(scope="module")
def rollouts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollouts]:
    """Production, on which three versions can be rolled out; afterwards it is as before, and none is under way."""
    directory = tmp_path_factory.mktemp("rollouts")
    with restored(lab, directory / "before"):
        found = Rollouts(Workspace.clone(directory / "control"), app_nodes(lab.nodes), directory)
        found.publish({GOOD: lambda _: None, BAD: answers_500, PAUSING: lambda _: None})
        yield found
        found("rollout", "abort")


@pytest.fixture(autouse=True)
def none_is_left(rollouts: Rollouts) -> Iterator[None]:
    """Whatever came of a rollout: in the end the server answers for none, and all nodes are on one commit."""
    yield
    if left := under_way():
        rollouts("rollout", "abort")  # a test that failed leaves none to the next one
    assert left == {}
    assert {given(box) for box in rollouts.boxes} == {fleet_environment()}


def test_a_good_release_reaches_all_nodes_and_goes_back_by_one_command(rollouts: Rollouts) -> None:
    before = rollouts.releases()
    rollouts.pin(GOOD, tiers=("staging", "production"))
    with load() as sent:
        sent.more(100)
        out = rollouts("rollout", "--why", "a newer version")
        assert out.returncode == DONE, out.stdout + out.stderr
        assert rollouts.serving(GOOD) == [box.name for box in rollouts.boxes]
        # Otherwise the first node would wait for it.
        read = f'"POST /puppet/v4/catalog HTTP/1.1" 200 .*\n(.*\n)*.*"POST /puppet/v3/catalog/.*={fleet_environment()} '
        assert re.search(read, connect(LAB.server).file(ACCESS_LOG).content_string), (
            "Puppet Server has not read it before"
        )
        sent.more(100)
        back = rollouts("rollback")
        assert back.returncode == DONE, back.stdout + back.stderr
        assert rollouts.releases() == before
        sent.more(100)
    print(f"a rollout to {len(before)} nodes and its rollback: {sent}")
    assert sent.lost == []
    waves = re.findall(r"^wave \d+/\d+ (.*?) {2,}", out.stdout, re.MULTILINE)
    assert "staging1" in waves[0], "production before staging"
    assert [wave for wave in waves if "canary" in wave], out.stdout
    shown = rollouts("rollout", "list").stdout
    assert "a newer version" in shown


def test_a_release_that_is_ready_and_answers_500_comes_to_one_node_and_goes_by_itself(rollouts: Rollouts) -> None:
    before, environment, began = rollouts.releases(), fleet_environment(), time.time()
    rollouts.pin(BAD)
    with load() as sent:
        sent.more(100)
        out = rollouts("rollout", "--why", "a bad version")
        assert out.returncode == TAKEN_BACK, out.stdout + out.stderr
        assert rollouts.releases() == before
        sent.more(200)
    print(f"a bad release: {sent}; answered wrong by {dict(sent.wrong)}")
    assert fleet_environment() == environment, "nodes are still given the bad commit"
    assert len(rollouts.had(BAD, began)) == 1, "it came to more nodes than its canary"
    # What is wrong came from the bad release itself, and from nobody else.
    assert len(sent.lost) == sent.wrong.total(), sent.lost
    assert [release for release in sent.wrong if not release.startswith(f"{BAD}.")] == []
    assert sent.lost, "nobody has asked the bad release: this test shows nothing"
    assert sent.lost_at[-1] - sent.lost_at[0] <= HARM_SECONDS, "it was taken back late"
    again = rollouts("run", *(box.name for box in rollouts.boxes))
    assert again.returncode == 0, again.stdout + again.stderr
    assert rollouts.releases() == before, "the next run has brought it back"


def test_a_rollout_pauses_for_a_person_and_goes_on_where_it_was(rollouts: Rollouts) -> None:
    everybody = [box.name for box in rollouts.boxes]
    rollouts.pin(PAUSING)
    with load() as sent:
        sent.more(100)
        with rollouts.begun("a version to think about") as child:
            wait_for(lambda: len(rollouts.serving(PAUSING)) == 1, "the canary serves", WAVE_SECONDS)
            asked = rollouts("rollout", "pause")
            assert asked.returncode == 0, asked.stdout + asked.stderr
            said = child.communicate(timeout=WAVE_SECONDS)[0]
            assert child.returncode == PAUSED, said
        changed = rollouts.serving(PAUSING)
        assert len(changed) == 1
        # Whatever asks for its catalog meanwhile: who had it stays on it, and the others do not get it.
        assert sorted(under_way()) == ["production", "staging"]
        runs = rollouts("run", *everybody)
        assert "rollout" in runs.stderr or runs.returncode == 0, runs.stdout + runs.stderr
        other = next(box for box in rollouts.boxes if box.name not in changed)
        assert connect(other).run("puppet-run").rc in (0, 2), "its own run, as by a timer, failed"
        assert rollouts.serving(PAUSING) == changed
        second = rollouts("deploy")
        assert second.returncode == 1, "a deploy by hand has stepped on a rollout"
        assert "rollout" in second.stderr
        out = rollouts("rollout", "resume")
        assert out.returncode == DONE, out.stdout + out.stderr
        sent.more(100)
    print(f"a rollout that was paused: {sent}")
    assert rollouts.serving(PAUSING) == everybody
    assert sent.lost == []
