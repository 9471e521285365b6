"""A request is ended by the release that has begun it, whatever is switched meanwhile, and no switch waits for it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box
from releases import Node
from upload import Upload
from waiting import wait_for

pytestmark = pytest.mark.deploys

SERVICE = "inventory"
UNIT = f"/etc/systemd/system/{SERVICE}@.service"
CONFIG = f"/etc/{SERVICE}/default_config.ini"


@pytest.fixture
def node(staging: Box) -> Iterator[Node]:
    """The service with a short watch, so that a switch takes little time; afterwards it is as it was declared."""
    node = Node(staging, SERVICE)
    before = node.release
    node.shell(f"cp -a {UNIT} {CONFIG} /root/ && sed -i 's/^WatchSec=.*/WatchSec=1/' {UNIT}")
    yield node
    node.shell(f"cp -a /root/{SERVICE}@.service {UNIT} && cp -a /root/default_config.ini {CONFIG}")
    node.call("switch", SERVICE)
    assert node.release == before
    wait_for(lambda: node.status()["finishing"] == [], "all releases but the one that serves have ended")
    wait_for(lambda: node.traces() == [], "what is not kept is removed")


@pytest.fixture
def url(staging: Box, repo: Path) -> str:
    services = yaml.safe_load((repo / f"hieradata/services/{SERVICE}.yaml").read_text())["flask_microservice::services"]
    return f"http://{staging.address}:{services[SERVICE]['port']}/api/v1/items"


def switch(node: Node, mark: str) -> str:
    """Switch to another config; return the release that serves."""
    node.touch_config(mark)
    node.call("switch", SERVICE)
    return node.release


def test_a_request_that_has_begun_outlasts_two_switches_and_its_release_is_then_removed(node: Node, url: str) -> None:
    node.shell(f"sed -i 's/^Keep=.*/Keep=1/' {UNIT}")
    first = node.release
    with Upload(url) as upload:
        switch(node, "second")
        assert (node.status()["state"], node.status()["finishing"]) == ("serving", [first])
        assert node.call("switch", SERVICE).stdout.endswith("serves already\n"), "the next run finds something to do"
        third = switch(node, "third")
        assert first in node.status()["finishing"]
        assert upload.finish() == (400, first)
    wait_for(lambda: node.traces() == [], "the releases that were not kept are removed")
    assert (node.release, node.status()["kept"], node.status()["state"]) == (third, [], "serving")


@pytest.mark.drill
def test_going_back_to_a_release_that_finishes(node: Node, url: str) -> None:
    first = node.release
    with Upload(url) as upload:
        second = switch(node, "second")
        back = subprocess.Popen(
            [*ssh.command(node.box), "sudo", "flask-microservice", "rollback", SERVICE],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert back.stderr is not None
        assert any(line.startswith(f"{SERVICE}: waiting for {first}, which finishes") for line in back.stderr)
        assert node.release == second, "what served before does not serve meanwhile"
        assert upload.finish() == (400, first)
        assert back.wait(60) == 0
    assert node.release == first


@pytest.mark.drill
def test_finishing(node: Node, url: str) -> None:
    """A request of 35 seconds, of a service whose deadlines.stop is 40, is not cut, and a switch takes no longer."""
    node.shell(
        f"sed -i 's/--graceful-timeout [0-9]*/--graceful-timeout 40/; s/^TimeoutStopSec=.*/TimeoutStopSec=45/' {UNIT}"
    )
    first = switch(node, "first")
    with Upload(url) as upload:
        begun = time.monotonic()
        switch(node, "second")
        took = time.monotonic() - begun
        time.sleep(35 - took)
        assert upload.finish() == (400, first)
    print(f"the switch took {took:.1f} s")
    assert took < 20
