"""Quantiles out of buckets: never farther from the sample's own than one bucket; parts add up to the whole."""

from __future__ import annotations

from math import ceil, inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.measurement import Histogram
from modelway.measurement.histogram import EDGES, FIRST_EDGE, GROWTH, LAST

LATENCIES = st.lists(st.floats(1e-6, 70.0), min_size=1, max_size=200)
COUNTS = st.dictionaries(st.integers(0, LAST), st.integers(1, 10_000), max_size=20)
HISTOGRAMS = COUNTS.map(lambda buckets: Histogram(sum(buckets.values()), 0.0, buckets))


@given(LATENCIES, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_a_quantile_is_within_one_bucket_of_the_samples_own(latencies: list[float], q: float) -> None:
    true = sorted(latencies)[max(ceil(q * len(latencies)) - 1, 0)]
    found = Histogram.of(latencies).quantile(q)
    assert found is not None
    if true <= FIRST_EDGE:
        assert 0 <= found <= FIRST_EDGE
    else:
        assert 1 / GROWTH - 1e-6 <= found / true <= GROWTH + 1e-6


@given(HISTOGRAMS, HISTOGRAMS, HISTOGRAMS)
def test_merging_is_associative_and_order_does_not_matter(a: Histogram, b: Histogram, c: Histogram) -> None:
    assert a.merged(b).merged(c) == a.merged(b.merged(c))
    assert a.merged(b) == b.merged(a)
    assert a.merged(Histogram()) == a


@given(HISTOGRAMS, st.floats(1e-6, 100.0))
def test_every_latency_is_above_or_within_or_in_the_limits_own_bucket(histogram: Histogram, limit: float) -> None:
    above, within = histogram.surely_above(limit), histogram.surely_within(limit)
    own = histogram.count - above - within
    assert 0 <= own <= max(histogram.buckets.values(), default=0)
    assert within - 1e-6 <= histogram.within(limit) <= within + own + 1e-6


@given(HISTOGRAMS.filter(lambda histogram: histogram.count and LAST not in histogram.buckets), st.floats(0.01, 1.0))
def test_so_many_are_within_a_quantile(histogram: Histogram, q: float) -> None:
    value = histogram.quantile(q)
    assert value is not None
    assert isclose(histogram.within(value), q * histogram.count, rel_tol=1e-6, abs_tol=1e-3)


@given(HISTOGRAMS)
def test_quantiles_rise(histogram: Histogram) -> None:
    values = [histogram.quantile(q / 10) or 0.0 for q in range(11)]
    assert values == sorted(values)


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().bucket_of(0.5) is None


@pytest.mark.parametrize(
    ("latency", "bucket"),
    [(0.0, 0), (50e-6, 0), (50.1e-6, 1), (55e-6, 1), (EDGES[17], 17), (EDGES[-1], LAST - 1), (1e4, LAST)],
)
def test_a_bucket_ends_with_its_edge(latency: float, bucket: int) -> None:
    assert Histogram.of([latency]).buckets == {bucket: 1}


def test_of_the_last_bucket_only_its_beginning_is_known() -> None:
    histogram = Histogram.of([1e4])
    assert histogram.quantile(0.5) == EDGES[-1]
    assert histogram.bucket_of(0.5) == (EDGES[-1], inf)
    assert histogram.surely_above(EDGES[-1]) == 1
    assert histogram.surely_within(1e6) == 0
