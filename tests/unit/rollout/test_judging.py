"""A verdict has a stated test: what chance alone brings reverts nothing, and what is bad is told by few requests."""

import math

import pytest
from fleet_cli.rollout.judging import CHANCE, Counts, Judgement, Limits, at_least, judge
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits(least_requests=100, error_ratio=0.01, latency_ratio=2.0)
FAST = Counts(1000, 0, {0.01: 1000, 0.025: 40, 0.05: 10, 0.1: 0}, 15.0)


def verdict(counts: Counts, others: Counts = FAST, before: Counts = FAST) -> Judgement:
    return judge({"app1": counts}, others, before, LIMITS, sick_allowed=0).judgement


@given(n=st.integers(0, 60), k=st.integers(0, 60), p=st.floats(0.0, 1.0))
def test_chance_is_that_of_the_binomial_distribution(n: int, k: int, p: float) -> None:
    exact = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)) if k else 1.0
    assert at_least(k, n, p) == pytest.approx(exact if k <= n else 0.0, abs=1e-9)


def test_chance_of_many_requests_is_worked_out_at_once() -> None:
    assert at_least(10_400, 1_000_000, 0.01) < CHANCE < at_least(10_100, 1_000_000, 0.01)


@pytest.mark.parametrize(
    ("requests", "failed", "expected"),
    [
        (3, 3, Judgement.BAD),
        (3, 1, Judgement.TOO_FEW),
        (99, 0, Judgement.TOO_FEW),
        (100, 0, Judgement.GOOD),
        (100, 2, Judgement.GOOD),
        (300, 15, Judgement.BAD),
        (100_000, 900, Judgement.GOOD),
    ],
)
def test_failed_answers(requests: int, failed: int, expected: Judgement) -> None:
    assert verdict(Counts(requests, failed)) == expected


def test_what_fails_elsewhere_as_well_is_not_the_release() -> None:
    assert verdict(Counts(1000, 200), others=Counts(1000, 210)) == Judgement.GOOD
    assert verdict(Counts(1000, 200), others=Counts(), before=Counts(1000, 210)) == Judgement.GOOD
    assert verdict(Counts(1000, 200), others=Counts(20, 20)) == Judgement.BAD, "twenty requests are no measure"


def test_three_times_as_slow_is_bad_and_as_slow_as_the_others_is_not() -> None:
    slow = Counts(200, 0, {0.01: 200, 0.025: 180, 0.05: 120, 0.1: 0}, 50.0)
    assert verdict(slow) == Judgement.BAD
    assert verdict(slow, others=slow) == Judgement.GOOD
    assert verdict(Counts(200, 0, {0.01: 200, 0.025: 10, 0.05: 2, 0.1: 0}, 16.0)) == Judgement.GOOD


@pytest.mark.parametrize(
    ("died", "up", "expected"),
    [
        (0, 60, Judgement.GOOD),
        (1, 60, Judgement.GOOD),
        (2, 60, Judgement.BAD),
        (2, 600, Judgement.GOOD),
        (4, 600, Judgement.BAD),
        (80, 5, Judgement.BAD),
    ],
)
def test_workers_that_die(died: int, up: float, expected: Judgement) -> None:
    """What they were answering is tried again on another node, so no request fails."""
    assert verdict(Counts(1000, 0, died=died, up=up)) == expected


def test_workers_that_die_everywhere_or_did_before_are_not_the_release() -> None:
    dying = Counts(1000, 0, died=6, up=60.0)
    assert verdict(dying, others=Counts(1000, 0, died=20, up=240.0)) == Judgement.GOOD
    assert verdict(dying, before=Counts(1000, 0, died=6_000, up=60_000.0)) == Judgement.GOOD
    assert verdict(dying, before=Counts(1000, 0, died=2, up=3.0)) == Judgement.GOOD
    assert verdict(dying, before=Counts(1000, 0, died=1, up=3.0)) == Judgement.BAD, "three seconds are no measure"


def test_what_counts_no_requests_is_bad_by_its_deaths_alone() -> None:
    assert verdict(Counts(died=5, up=60.0)) == Judgement.BAD
    assert verdict(Counts(died=0, up=60.0)) == Judgement.TOO_FEW
    assert judge({"app1": Counts(died=5, up=60.0)}, FAST, FAST, LIMITS, sick_allowed=0).why == (
        "5 workers died in 60 s (tolerated: 1 in an hour)"
    )


def test_without_a_histogram_the_mean_is_judged() -> None:
    fast = Counts(1000, 0, mean_ms=10.0)
    assert verdict(Counts(200, 0, mean_ms=35.0), fast, fast) == Judgement.BAD
    assert verdict(Counts(200, 0, mean_ms=15.0), fast, fast) == Judgement.GOOD
    assert verdict(Counts(20, 0, mean_ms=35.0), fast, fast) == Judgement.TOO_FEW


def test_words_have_the_figures() -> None:
    found = judge({"app1": Counts(4211, 0, {0.025: 4211, 0.05: 0})}, Counts(), FAST, LIMITS, sick_allowed=0)
    assert found.why == "0 of 4,211 failed, p95 49 ms (before: 25)"


def test_one_sick_node_is_told_apart_from_a_bad_release() -> None:
    nodes = {f"app{number}": Counts(200, 0) for number in range(5)} | {"app9": Counts(200, 200)}
    found = judge(nodes, FAST, FAST, LIMITS, sick_allowed=1)
    assert (found.judgement, found.sick) == (Judgement.GOOD, ("app9",))
    assert judge(nodes, FAST, FAST, LIMITS, sick_allowed=0).judgement == Judgement.BAD
    bad = {name: Counts(200, 100) for name in nodes}
    assert judge(bad, FAST, FAST, LIMITS, sick_allowed=1).judgement == Judgement.BAD


def test_counter_that_began_anew_is_no_difference() -> None:
    assert Counts(10, 1, {0.1: 2}).since(Counts(5, 0, {0.1: 1})) == Counts(5, 1, {0.1: 1})
    assert Counts(3, 0).since(Counts(500, 2)) == Counts(3, 0)
