"""A limit on something measured, and what was found when it was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a look says."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"  # nobody can say yet, or nothing could be measured


class Bound(StrEnum):
    """The ways to limit a value, in the words of the resource."""

    MAX = "max"
    MIN = "min"
    MAX_RATIO = "maxRatioToStable"
    MIN_RATIO = "minRatioToStable"

    @property
    def is_ratio(self) -> bool:
        return self in (Bound.MAX_RATIO, Bound.MIN_RATIO)

    @property
    def is_upper(self) -> bool:
        return self in (Bound.MAX, Bound.MAX_RATIO)


@dataclass(frozen=True, slots=True)
class Limit:
    """One check of ``spec.rollout.analysis``. Rates are parts of 1, latencies seconds, ratios greater than 0."""

    metric: str
    max: float | None = None
    min: float | None = None
    max_ratio_to_stable: float | None = None
    min_ratio_to_stable: float | None = None
    min_samples: int = 0
    dry_run: bool = False
    name: str = ""  # what people read; the metric's without one

    @property
    def bounds(self) -> tuple[tuple[Bound, float], ...]:
        """The bounds that are set."""
        values = (self.max, self.min, self.max_ratio_to_stable, self.min_ratio_to_stable)
        return tuple((bound, value) for bound, value in zip(Bound, values, strict=True) if value is not None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found. ``value`` and ``stable_value`` are None where nothing was measured; ``samples`` counts the
    candidate's. ``error`` says that nothing could be measured, and the sentence why."""

    metric: str
    state: State
    sentence: str
    value: float | None = None
    stable_value: float | None = None
    samples: int = 0
    dry_run: bool = False
    name: str = ""
    error: bool = False
