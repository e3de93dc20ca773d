"""Readings of latencies: a quantile of the candidate's and of stable's, and the ratio of the two."""

from __future__ import annotations

from dataclasses import dataclass

from modelway.measurement import Histogram
from modelway.measurement.histogram import GROWTH

from . import evidence, figures
from .evidence import Weight
from .finding import Bound
from .readings import beyond


@dataclass(frozen=True, slots=True)
class Latency:
    """A quantile ``q`` of latencies. The first requests after a start are slow, so ``minSamples`` are waited for."""

    candidate: Histogram
    stable: Histogram
    q: float
    among: int = 1
    example: str = ""
    early: bool = False

    @property
    def samples(self) -> int:
        return self.candidate.count

    @property
    def stable_samples(self) -> int:
        return self.stable.count

    @property
    def value(self) -> float | None:
        return self.candidate.quantile(self.q)

    @property
    def stable_value(self) -> float | None:
        return self.stable.quantile(self.q)

    def against(self, bound: Bound, limit: float, weight: Weight) -> float:
        if bound is Bound.MAX:
            return evidence.quantile_above(self.candidate, self.q, limit, weight)
        if bound is Bound.MIN:
            return evidence.quantile_below(self.candidate, self.q, limit, weight)
        if bound is Bound.MAX_RATIO:
            return evidence.quantiles_apart(self.candidate, self.stable, self.q, max(limit, GROWTH), weight)
        return evidence.quantiles_apart(
            self.stable, self.candidate, self.q, max(evidence.inverse(limit), GROWTH), weight
        )

    def beyond(self, bound: Bound, limit: float) -> bool:
        """Of a value in the limit's own bucket nobody knows on which side it is: it is not beyond. For the same
        reason a ratio below a bucket's growth is not asked for."""
        if bound.is_ratio:
            resolved = max(limit, GROWTH) if bound.is_upper else min(limit, 1.0 / GROWTH)
            return beyond(bound, resolved, self.value, self.stable_value)
        bucket = self.candidate.bucket_of(self.q)
        return bucket is not None and (bucket[0] >= limit if bound.is_upper else bucket[1] <= limit)

    def told(self) -> str:
        return figures.latency(self.candidate, self.q)

    def told_of_stable(self) -> str:
        return figures.latency(self.stable, self.q)

    def in_units(self, limit: float) -> str:
        return figures.milliseconds(limit)


@dataclass(frozen=True, slots=True)
class LatencyRatio:
    """The candidate's latency as a multiple of stable's for the same requests: a ratio of ``q``-quantiles."""

    candidate: Histogram
    stable: Histogram
    q: float
    stable_value: float | None = None
    among: int = 1
    example: str = ""
    early: bool = False

    @property
    def samples(self) -> int:
        return min(self.candidate.count, self.stable.count)

    @property
    def stable_samples(self) -> int:
        return self.stable.count

    @property
    def value(self) -> float | None:
        mine, stables = self.candidate.quantile(self.q), self.stable.quantile(self.q)
        return mine / stables if mine is not None and stables else None

    def against(self, bound: Bound, limit: float, weight: Weight) -> float:
        pair = (self.candidate, self.stable) if bound.is_upper else (self.stable, self.candidate)
        ratio = limit if bound.is_upper else evidence.inverse(limit)
        return evidence.quantiles_apart(*pair, self.q, max(ratio, GROWTH), weight)

    def beyond(self, bound: Bound, limit: float) -> bool:
        return beyond(bound, max(limit, GROWTH) if bound.is_upper else min(limit, 1.0 / GROWTH), self.value, 1.0)

    def told(self) -> str:
        if self.value is None:
            return "unknown (no compared answers)"
        both = f"{figures.latency(self.candidate, self.q)} against stable's {figures.latency(self.stable, self.q)}"
        return f"{figures.number(self.value)} ({both})"

    def told_of_stable(self) -> str:
        return figures.latency(self.stable, self.q)

    def in_units(self, limit: float) -> str:
        return f"{limit:.4g}"
