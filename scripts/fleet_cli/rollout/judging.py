"""What a release does, judged by counters: of the nodes that have it, beside those that do not, and beside before.

One test is used for failed answers, for slow ones and for workers that die. A tolerated share p of requests may fail,
or be slower than something. If k of n did, the release is bad where so many or more would come by chance less often
than once in 1/CHANCE times: P(X >= k) < CHANCE, X binomial with n and p.

- Failed: p is `error_ratio`, or what failed beside it and before, if that is more.
- Slow: T is the first edge of the histogram that is at least `latency_ratio` times the 95th percentile beside it and
  before (whichever is more). More than 5 % of the requests slower than T means that the 95th percentile is beyond T;
  p is 5 %, or the share that was slower than T beside it or before, if that is more.
- Died: n is the seconds that it has been up, of all nodes together; p is one worker in an hour, or as many as died
  beside it or before, if that is more. A balancer that tries a request again hides from clients that a worker died.

Nothing is called good by fewer than `least_requests` requests; bad may be told by fewer.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

CHANCE = 0.001
PERCENTILE = 0.95
DEATHS = 1 / 3600
"""How many workers of a service may die on a node, in each second."""
LEAST_UP = 60.0
"""For how many seconds a release has to be up before what died of it says anything of how often that happens."""


@dataclass(frozen=True)
class Counts:
    """Requests that were answered, as counters have them.

    Attributes:
        requests: how many.
        failed: how many of them failed: answers of 5xx, and none.
        slower: by a time in seconds, how many took longer; empty where that is not known.
        mean_ms: how long one took, in the mean; None where that is not known.
        died: how many processes that answer them died, without being told to end.
        up: for how many seconds that was counted, of all nodes together.
    """

    requests: int = 0
    failed: int = 0
    slower: Mapping[float, int] = field(default_factory=dict)
    mean_ms: float | None = None
    died: int = 0
    up: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        edges = self.slower.keys() & other.slower.keys() if self.requests and other.requests else ()
        slower = {edge: self.slower[edge] + other.slower[edge] for edge in edges}
        if not self.requests or not other.requests:
            slower = dict(self.slower or other.slower)
        return Counts(
            self.requests + other.requests, self.failed + other.failed, slower,
            _mean([(one.mean_ms, one.requests) for one in (self, other)]), self.died + other.died, self.up + other.up,
        )  # fmt: skip

    def since(self, earlier: "Counts") -> "Counts":
        """Return what came after an earlier look; where the requests are fewer, they were counted anew."""
        if self.requests < earlier.requests:
            return self
        slower = {edge: max(0, count - earlier.slower.get(edge, 0)) for edge, count in self.slower.items()}
        # HAProxy's counters are not read at one instant: failures may seem to fall by a few.
        failed = max(0, self.failed - earlier.failed)
        died, up = max(0, self.died - earlier.died), max(0.0, self.up - earlier.up)
        return Counts(self.requests - earlier.requests, failed, slower, self.mean_ms, died, up)

    @property
    def share_failed(self) -> float:
        """How much of it failed, from 0 to 1."""
        return self.failed / self.requests if self.requests else 0.0

    def share_slower(self, edge: float) -> float:
        """How much of it took longer than an edge of the histogram, from 0 to 1."""
        return self.slower.get(edge, 0) / self.requests if self.requests else 0.0

    @property
    def p95(self) -> float | None:
        """The 95th percentile in seconds, between the edges of the histogram as if evenly spread; None if unknown."""
        if not self.requests or not self.slower:
            return None
        allowed = self.requests * (1 - PERCENTILE)
        low, above = 0.0, self.requests
        for edge, slower in sorted(self.slower.items()):
            if slower <= allowed:
                return edge if above == slower else low + (edge - low) * (above - allowed) / (above - slower)
            low, above = edge, slower
        return low  # beyond the last edge: at least that


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of counts."""
    return sum(counts, Counts())


@dataclass(frozen=True)
class Limits:
    """What is tolerated; see profile::rollout."""

    least_requests: int
    error_ratio: float
    latency_ratio: float


class Judgement(StrEnum):
    """What counters say."""

    GOOD = "good"
    BAD = "bad"
    TOO_FEW = "too few"


@dataclass(frozen=True)
class Verdict:
    """What counters say of a release, in words as well: `0 of 4,211 failed, p95 41 ms (before: 44)`.

    Attributes:
        sick: nodes on which alone it does badly, while the others with the same release do well.
    """

    judgement: Judgement
    why: str
    sick: tuple[str, ...] = ()


def at_least(k: int, n: int, p: float) -> float:
    """Return the probability that k or more of n happen, if each does with the probability p."""
    if k <= 0 or k > n or not 0 < p < 1:
        return float(k <= 0 or (k <= n and p >= 1))
    log_p, log_q = math.log(p), math.log1p(-p)
    if k <= n * p:
        return 1 - math.fsum(_term(i, n, log_p, log_q) for i in range(k))
    terms = []
    for i in range(k, n + 1):
        terms.append(_term(i, n, log_p, log_q))
        if terms[-1] < terms[0] * 1e-12:  # beyond the mean they fall, so the rest is nothing
            break
    return min(1.0, math.fsum(terms))


def _term(i: int, n: int, log_p: float, log_q: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
    return math.exp(ways + i * log_p + (n - i) * log_q)


def judge(
    changed: Mapping[str, Counts], others: Counts, before: Counts, limits: Limits, *, sick_allowed: int
) -> Verdict:
    """Judge a release of one service.

    Args:
        changed: by node, what came since it serves there.
        others: what came on other nodes that serve the release of before, in the same time.
        before: what the release of before did on the nodes that are changed.
        limits: what is tolerated.
        sick_allowed: on so many nodes alone it may do badly.
    """
    everything = total(changed.values())
    said = _said(everything, others, before, limits)
    if not (reason := _bad(everything, others, before, limits)):
        enough = everything.requests >= limits.least_requests
        return Verdict(Judgement.GOOD if enough else Judgement.TOO_FEW, said)
    sick = [node for node, counts in changed.items() if _bad(counts, others, before, limits)]
    well = total(counts for node, counts in changed.items() if node not in sick)
    few = 0 < len(sick) <= sick_allowed and len(changed) - len(sick) >= 2 * len(sick)
    if few and well.requests >= limits.least_requests and not _bad(well, others, before, limits):
        # The same release does well on most: it is not the release.
        return Verdict(Judgement.GOOD, f"{said}; badly on {', '.join(sick)} alone: {reason}", tuple(sick))
    return Verdict(Judgement.BAD, reason)


def _bad(counts: Counts, others: Counts, before: Counts, limits: Limits) -> str:
    """Why it is bad; empty if it is not."""
    bases = [base for base in (others, before) if base.requests >= limits.least_requests]
    p = max([limits.error_ratio, *(base.share_failed for base in bases)])
    if counts.failed and at_least(counts.failed, counts.requests, p) < CHANCE:
        return f"{counts.failed:,} of {counts.requests:,} failed (tolerated: {p:.1%})"
    return _dying(counts, (others, before)) or _slow(counts, bases, limits)


def _dying(counts: Counts, bases: Sequence[Counts]) -> str:
    seconds = max(1, round(counts.up))
    p = max([DEATHS, *(base.died / max(base.up, LEAST_UP) for base in bases)])
    if counts.died and at_least(counts.died, seconds, min(p, 1.0)) < CHANCE:
        return f"{counts.died:,} workers died in {seconds:,} s (tolerated: {p * 3600:,.0f} in an hour)"
    return ""


def _slow(counts: Counts, bases: Sequence[Counts], limits: Limits) -> str:
    known = [base for base in bases if base.p95 is not None]
    if known and counts.slower:
        wanted = max(base.p95 or 0.0 for base in known) * limits.latency_ratio
        edge = next((edge for edge in sorted(counts.slower) if edge >= wanted), None)
        if edge is None:
            return ""
        p = max([1 - PERCENTILE, *(base.share_slower(edge) for base in known)])
        slower = counts.slower[edge]
        if at_least(slower, counts.requests, p) < CHANCE:
            return (
                f"{slower:,} of {counts.requests:,} took longer than {edge * 1000:.0f} ms, {limits.latency_ratio:g}"
                f" times the p95 of {max(base.p95 or 0.0 for base in known) * 1000:.0f} ms"
            )
        return ""
    means = [base.mean_ms for base in bases if base.mean_ms]
    own = counts.mean_ms if not counts.slower and counts.requests >= limits.least_requests else None
    if means and own is not None and own > max(means) * limits.latency_ratio + 1:
        return f"{own:.0f} ms in the mean, {limits.latency_ratio:g} times {max(means):.0f} ms"
    return ""


def _said(counts: Counts, others: Counts, before: Counts, limits: Limits) -> str:
    text = f"{counts.failed:,} of {counts.requests:,} failed"
    if counts.p95 is not None:
        text += f", p95 {_ms(counts.p95)} ms"
        beside = [
            f"{word}: {_ms(base.p95)}"
            for word, base in (("others", others), ("before", before))
            if base.requests >= limits.least_requests and base.p95 is not None
        ]
        text += f" ({', '.join(beside)})" if beside else ""
    elif counts.mean_ms is not None:
        text += f", mean {counts.mean_ms:.0f} ms"
    return text


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


def _mean(parts: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(mean, weight) for mean, weight in parts if mean is not None and weight]
    return sum(mean * weight for mean, weight in known) / sum(weight for _, weight in known) if known else None
