"""Latencies as the server counts them: in buckets, each a tenth longer than the one before.

Layout (a part of the contract with the server): bucket 0 holds everything up to 50 µs, bucket i what lies in
(50 µs · 1.1^(i-1), 50 µs · 1.1^i], the last one everything above. So a quantile is known to within a tenth.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

FIRST_EDGE: Final = 50e-6  # seconds
GROWTH: Final = 1.1
LAST: Final = 150
EDGES: Final = tuple(FIRST_EDGE * GROWTH**index for index in range(LAST))
"""Upper edges in seconds; the last bucket has none."""
_SLACK: Final = 1 + 1e-9  # an edge that was computed twice is the same edge


@dataclass(frozen=True, slots=True)
class Histogram:
    """``count`` latencies, ``total`` seconds together; ``buckets`` holds the counts that are not 0, by index."""

    count: int = 0
    total: float = 0.0
    buckets: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, latencies: Iterable[float]) -> Histogram:
        """The histogram of latencies in seconds."""
        buckets: dict[int, int] = {}
        total = 0.0
        for latency in latencies:
            total += latency
            index = bisect_left(EDGES, latency / _SLACK)
            buckets[index] = buckets.get(index, 0) + 1
        return cls(sum(buckets.values()), total, buckets)

    def merged(self, other: Histogram) -> Histogram:
        """Both together."""
        buckets = dict(self.buckets)
        for index, count in other.buckets.items():
            buckets[index] = buckets.get(index, 0) + count
        return Histogram(self.count + other.count, self.total + other.total, buckets)

    def quantile(self, q: float) -> float | None:
        """The ``q``-quantile in seconds, or None without latencies; at most one bucket from the sample's own.

        Inside a bucket latencies are taken to lie evenly on a logarithmic scale. Of the last bucket only its lower
        edge is known: what is given then is too low.
        """
        place = self._place(q)
        return _inside(*place) if place else None

    def bucket_of(self, q: float) -> tuple[float, float] | None:
        """(lower, upper] edge in seconds of the bucket that holds the ``q``-quantile; None without latencies."""
        place = self._place(q)
        if place is None:
            return None
        return _lower(place[0]), EDGES[place[0]] if place[0] < LAST else math.inf

    def _place(self, q: float) -> tuple[int, float] | None:
        """The bucket of the ``q``-quantile, and which part (0 to 1) of it lies below the quantile."""
        rank, below, index = q * self.count, 0, 0
        for index in sorted(self.buckets):
            here = self.buckets[index]
            if below + here >= rank:
                return index, max(rank - below, 0.0) / here
            below += here
        return (index, 1.0) if self.count else None

    def surely_above(self, seconds: float) -> int:
        """How many latencies are longer for certain: those of buckets that begin there or later."""
        return sum(count for index, count in self.buckets.items() if index and _lower(index) * _SLACK >= seconds)

    def surely_within(self, seconds: float) -> int:
        """How many latencies are not longer for certain: those of buckets that end there or before."""
        return sum(count for index, count in self.buckets.items() if index < LAST and EDGES[index] <= seconds * _SLACK)

    def within(self, seconds: float) -> float:
        """About how many latencies are not longer; a bucket's are taken to lie evenly on a logarithmic scale."""
        found = 0.0
        for index, count in self.buckets.items():
            if index < LAST and EDGES[index] <= seconds:
                found += count
            elif _lower(index) < seconds:
                found += count * _part(index, seconds)
        return found


def _lower(index: int) -> float:
    return EDGES[index - 1] if index else 0.0


def _inside(index: int, part: float) -> float:
    """The latency below which ``part`` (0 to 1) of a bucket lies. The first bucket, which begins at 0, is linear."""
    if index == LAST:
        return EDGES[-1]
    return FIRST_EDGE * part if index == 0 else _lower(index) * float(GROWTH**part)


def _part(index: int, seconds: float) -> float:
    """Which part (0 to 1) of a bucket lies below ``seconds``: the inverse of ``_inside``."""
    if index == LAST:
        return 0.0
    if index == 0:
        return seconds / FIRST_EDGE
    return math.log(seconds / _lower(index)) / math.log(GROWTH)
