"""Waves: of few nodes a percentage is neither none nor all, and no service has more nodes changing than may."""

from collections import Counter

import pytest
from fleet_cli.rollout.settings import Settings
from fleet_cli.rollout.waves import Change, allowed_missing, plan
from hypothesis import given
from hypothesis import strategies as st

CHANGED = ("1", "2")


def app(number: int, *services: str, role: str = "app") -> Change:
    name = f"{role}{number:03}"
    return Change(name, name, role, "production", dict.fromkeys(services, CHANGED))


def sizes(nodes: int, settings: Settings | None = None) -> list[int]:
    changes = [app(number, "orders") for number in range(nodes)]
    return [len(wave.nodes) for wave in plan(changes, ["production"], {"production": settings or Settings()})]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [(1, [1]), (2, [1, 1]), (3, [1, 1, 1]), (8, [1, 2, 2, 2, 1]), (200, [1, 50, 50, 50, 49])],
)
def test_defaults_are_right_for_two_and_for_two_hundred(nodes: int, expected: list[int]) -> None:
    assert sizes(nodes) == expected


def test_tier_without_a_canary_changes_at_once() -> None:
    assert sizes(4, Settings(canary=0, batch="100%", max_parallel="100%")) == [4]


def test_databases_come_before_and_balancers_after() -> None:
    changes = [app(1, role="load_balancer"), app(1, "orders"), app(1, role="database"), app(2, "orders")]
    found = plan(changes, ["production"], {"production": Settings()})
    assert [(wave.kind, wave.nodes) for wave in found] == [
        ("", ("database001",)), ("canary", ("app001",)), ("batch", ("app002",)), ("", ("load_balancer001",)),
    ]  # fmt: skip


def test_tiers_come_in_their_order() -> None:
    staging = Change("s", "s", "app", "staging", {})
    found = plan([app(1), staging], ["staging", "production"], dict.fromkeys(("staging", "production"), Settings()))
    assert [wave.tier for wave in found] == ["staging", "production"]


@given(
    services=st.lists(st.sets(st.sampled_from(["a", "b", "c"])), min_size=1, max_size=40),
    canary=st.integers(0, 5), batch=st.integers(1, 100), most=st.integers(1, 100),
)  # fmt: skip
def test_each_node_has_one_wave_and_no_service_more_nodes_than_may_change(
    services: list[set[str]], canary: int, batch: int, most: int
) -> None:
    changes = [app(number, *some) for number, some in enumerate(services)]
    settings = Settings(canary=canary, batch=f"{batch}%", max_parallel=f"{most}%")
    found = plan(changes, ["production"], {"production": settings})
    assert sorted(node for wave in found for node in wave.nodes) == [change.certname for change in changes]
    total = Counter(name for some in services for name in some)
    by_name = {change.certname: change.services for change in changes}
    for wave in found:
        at_once = Counter(name for node in wave.nodes for name in by_name[node])
        assert all(count <= max(1, -(-total[name] * most // 100)) for name, count in at_once.items())


def test_of_two_nodes_none_may_be_missing_and_of_two_hundred_twenty_may() -> None:
    assert [allowed_missing(Settings(), nodes) for nodes in (2, 9, 10, 200)] == [0, 0, 1, 20]
    assert allowed_missing(Settings(max_unreachable=1), 2) == 1
