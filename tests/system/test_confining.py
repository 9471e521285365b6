"""A service connects where its releases that run may, to the port: nft itself, in a sandbox with its own network."""

import json
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.sandbox import entering, running

HERE = Path(__file__).parent
PROGRAM = HERE.parents[1] / "modules/flask_microservice/files/program"
EVERYWHERE = ["127.0.0.1 2222", "127.0.0.1 7002", "127.0.0.1 7003", "::1 2222"]
DONE = [0, ""]


@pytest.fixture(scope="module")
def reached() -> dict[str, Any]:
    """Whom a service reached, state by state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entering, "CAPABILITIES", (*entering.CAPABILITIES, "NET_ADMIN"))
        reads = {PROGRAM: "/program", HERE / "confining.py": "/confining.py"}
        printed = running.run("node", ["python3", "-B", "/confining.py"], reads=reads, root=True).stdout
    found: dict[str, Any] = json.loads(printed)
    assert found["before"] == EVERYWHERE, "this shows nothing"
    return found


def test_a_service_reaches_the_port_that_it_declares_and_nothing_else_of_its_node(reached: dict[str, Any]) -> None:
    assert reached["one release"] == [*DONE, "127.0.0.1 7002"]
    assert reached["nobody"] == DONE


def test_other_accounts_and_clients_of_the_service_are_let_alone(reached: dict[str, Any]) -> None:
    assert reached["others"] == [True, True]


def test_while_a_release_is_tried_each_of_both_reaches_what_it_declares(reached: dict[str, Any]) -> None:
    assert reached["another is tried"] == [*DONE, "127.0.0.1 7002", "127.0.0.1 7003"]
    assert reached["its trial ends"] == reached["one release"]


def test_an_address_without_a_port_is_open_as_a_whole(reached: dict[str, Any]) -> None:
    assert reached["a whole address"] == [*DONE, *EVERYWHERE]


def test_a_release_of_before_and_one_that_opens_its_unit_reach_what_their_units_say(reached: dict[str, Any]) -> None:
    assert reached["one of before"] == [*DONE, *EVERYWHERE]
    assert reached["one that may all"] == [*DONE, *EVERYWHERE]


def test_without_a_release_nobody_is_held_up_and_a_service_that_is_removed_leaves_nothing(
    reached: dict[str, Any],
) -> None:
    assert reached["none runs"] == [*DONE, *EVERYWHERE]
    assert reached["forgotten"] == [False, False, *EVERYWHERE]


def test_where_there_is_no_nft_nothing_is_done(reached: dict[str, Any]) -> None:
    assert reached["no nft"] == [*DONE, *EVERYWHERE]
