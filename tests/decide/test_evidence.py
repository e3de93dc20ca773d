"""Evidence: against SciPy's numbers where it has them, and in the direction that counts say."""

from __future__ import annotations

from math import inf, isclose, log

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from modelway.decide.evidence import (
    CONCLUSIVE,
    lasting,
    passing,
    quantile_above,
    quantile_below,
    quantiles_apart,
    rate_above,
    rate_below,
    rates_apart,
)
from modelway.measurement import Histogram

COUNTS = st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
RATES = st.floats(0.001, 0.999)
RATIOS = st.floats(0.2, 5.0)


@settings(deadline=None)
@given(COUNTS, RATES)
def test_the_mixture_is_the_beta_binomials(counts: tuple[int, int], p: float) -> None:
    hits, of = counts
    expected = stats.betabinom.logpmf(hits, of, 0.5, 0.5) - stats.binom.logpmf(hits, of, p)
    assert isclose(lasting(hits, of, p), expected, rel_tol=1e-6, abs_tol=1e-6)


@settings(deadline=None)
@given(COUNTS, RATES)
def test_the_likelihood_ratio_is_the_binomials(counts: tuple[int, int], p: float) -> None:
    hits, of = counts
    expected = stats.binom.logpmf(hits, of, hits / of) - stats.binom.logpmf(hits, of, p)
    assert isclose(passing(hits, of, p), expected, rel_tol=1e-6, abs_tol=1e-6)


@settings(deadline=None)
@given(COUNTS, COUNTS, RATIOS, st.sampled_from([lasting, passing]))
def test_the_pair_that_explains_best_is_found(
    ours: tuple[int, int], theirs: tuple[int, int], ratio: float, weight: object
) -> None:
    """No pair of rates within the limit gives less evidence than the closed form."""
    assume(ours[0] / ours[1] > ratio * theirs[0] / theirs[1])
    found = rates_apart(*ours, *theirs, ratio, weight)  # type: ignore[arg-type]
    tried = [
        weight(*ours, ratio * q) + weight(*theirs, q)  # type: ignore[operator]
        for q in (step / 2000 for step in range(1, 2000))
        if ratio * q < 1
    ]
    assert found <= min(tried) + 1e-6


@settings(deadline=None)
@given(COUNTS, RATES)
def test_one_more_hit_is_more_evidence_of_a_high_rate(counts: tuple[int, int], limit: float) -> None:
    hits, of = counts
    assert rate_above(hits + 1, of + 1, limit) >= CONCLUSIVE or rate_above(hits, of, limit) < CONCLUSIVE
    assume(hits < of)
    if rate_above(hits, of, limit) >= CONCLUSIVE:
        assert rate_above(hits + 1, of, limit) >= rate_above(hits, of, limit)


@settings(deadline=None)
@given(COUNTS, COUNTS, RATIOS)
def test_one_more_hit_is_more_evidence_of_a_higher_rate(
    ours: tuple[int, int], theirs: tuple[int, int], ratio: float
) -> None:
    """But for the last ones: that all of them are hits is a little (0.3) less surprising than that all but one are,
    to whoever thinks extremes likely, as Beta(½, ½) does."""
    hits, of = ours
    assume(hits < of)
    if (before := rates_apart(hits, of, *theirs, ratio)) >= CONCLUSIVE:
        assert rates_apart(hits + 1, of, *theirs, ratio) >= before - 0.35


@settings(deadline=None)
@given(COUNTS, COUNTS, RATIOS)
def test_within_the_limit_there_is_no_evidence(ours: tuple[int, int], theirs: tuple[int, int], ratio: float) -> None:
    hits, of = ours
    assert rate_above(hits, of, hits / of) < 1e-9
    assert rate_below(hits, of, hits / of) < 1e-9
    assume(hits / of <= ratio * theirs[0] / theirs[1])
    assert rates_apart(*ours, *theirs, ratio) < 1e-9


@pytest.mark.parametrize(
    ("hits", "of", "limit", "conclusive"),
    [
        (8, 100, 0.01, True),
        (7, 100, 0.01, True),
        (6, 100, 0.01, False),  # a test that looks once would say yes from 5 on
        (12, 12, 0.01, True),
        (3, 3, 0.01, True),
        (2, 2, 0.01, True),
        (1, 1, 0.01, False),
        (0, 10_000, 0.01, False),
        (100, 10_000, 0.01, False),
        (150, 10_000, 0.01, True),
        (1, 10_000, 0.0, True),  # a limit of 0 bears nothing
        (0, 10_000, 0.0, False),
        (5, 5, 1.0, False),
        (0, 0, 0.01, False),
    ],
)
def test_rates(hits: int, of: int, limit: float, conclusive: bool) -> None:
    assert (rate_above(hits, of, limit) >= CONCLUSIVE) is conclusive
    assert (rate_below(of - hits, of, 1.0 - limit) >= CONCLUSIVE) is conclusive


@pytest.mark.parametrize(
    ("ours", "theirs", "ratio", "conclusive"),
    [
        ((8, 1000), (0, 10_000), 2, True),
        ((1, 1000), (1, 9000), 2, False),
        ((100, 1000), (1, 1000), 2, True),
        ((20, 1000), (180, 9000), 2, False),
        ((3, 3), (0, 1000), 2, True),
        ((0, 100), (0, 100), 2, False),
        ((5, 100), (0, 0), 2, False),
        ((5, 100), (5, 100), 1e300, False),
    ],
)
def test_ratios_of_rates(ours: tuple[int, int], theirs: tuple[int, int], ratio: float, conclusive: bool) -> None:
    assert (rates_apart(*ours, *theirs, ratio) >= CONCLUSIVE) is conclusive


def spread(median: float, count: int) -> Histogram:
    """Latencies like a server's: evenly on a logarithmic scale, from half to twice the median."""
    return Histogram.of(median * 2.0 ** (2.0 * step / count - 1.0) for step in range(count))


def test_quantiles() -> None:
    latency = spread(0.010, 1000)
    assert quantile_above(latency, 0.95, 0.015) >= CONCLUSIVE
    assert quantile_above(latency, 0.95, 0.020) < 0
    assert quantile_below(latency, 0.95, 0.025) >= CONCLUSIVE
    assert quantile_below(latency, 0.95, 0.015) < 0
    assert quantile_above(Histogram(), 0.95, 0.015) == 0


@pytest.mark.parametrize(
    ("times", "ratio", "count", "conclusive"),
    [
        (1.0, 1.2, 2000, False),
        (1.15, 1.2, 2000, False),
        (1.5, 1.2, 2000, True),
        (1.5, 1.2, 20, False),
        (3, 1.2, 50, True),
    ],
)
def test_ratios_of_quantiles(times: float, ratio: float, count: int, conclusive: bool) -> None:
    found = quantiles_apart(spread(0.010 * times, count), spread(0.010, 9 * count), 0.95, ratio)
    assert (found >= CONCLUSIVE) is conclusive
    assert quantiles_apart(spread(0.010, count), spread(0.010 * times, count), 0.95, ratio) < CONCLUSIVE


@settings(deadline=None)
@given(st.floats(1e-4, 1.0))
def test_a_hair_between_two_buckets_is_no_difference(latency: float) -> None:
    """A model that always takes the same time, and a candidate that takes 0.5% longer: perhaps in the next bucket."""
    stable, candidate = Histogram.of([latency] * 5000), Histogram.of([latency * 1.005] * 5000)
    assert quantiles_apart(candidate, stable, 0.95, 1.1) < CONCLUSIVE


def test_nothing_is_evidence_for_nothing() -> None:
    assert quantiles_apart(Histogram(), spread(0.01, 100), 0.95, 1.2) == 0
    assert rate_above(0, 0, 0.0) == 0
    assert rate_above(1, 1, 0.0) == inf
    assert isclose(CONCLUSIVE, log(100))
