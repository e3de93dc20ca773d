"""What the pods' reports say about one metric, and how that is weighed against a bound.

A reading knows its value, stable's at the same time, and the evidence against a bound; ``checks`` makes a verdict of
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Protocol

from . import evidence, figures
from .evidence import Weight
from .finding import Bound


class Reading(Protocol):
    """One metric as it was read."""

    @property
    def samples(self) -> int | None:
        """How many requests or answers the candidate's value rests on; None where that is not known."""

    @property
    def stable_samples(self) -> int | None: ...

    @property
    def value(self) -> float | None: ...

    @property
    def stable_value(self) -> float | None: ...

    @property
    def early(self) -> bool:
        """Whether conclusive evidence counts before ``minSamples``."""

    @property
    def among(self) -> int:
        """Of how many equals this is the worst: so much more evidence is asked for (Bonferroni)."""

    def against(self, bound: Bound, limit: float, weight: Weight) -> float:
        """The evidence against the bound, as a natural logarithm."""

    def beyond(self, bound: Bound, limit: float) -> bool:
        """Whether the value as such lies beyond the bound."""

    def told(self) -> str:
        """The candidate's value in words."""

    def told_of_stable(self) -> str: ...

    def in_units(self, limit: float) -> str:
        """An absolute limit in the units of ``told``."""

    @property
    def example(self) -> str:
        """A sentence that shows what is wrong, or nothing."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the requests: ``hits`` of ``of``, and stable's where it has such a share."""

    hits: int
    of: int
    stable_hits: int = 0
    stable_of: int = 0
    among: int = 1
    example: str = ""
    early: bool = True  # 12 failures of 12 need no 200 samples

    @property
    def samples(self) -> int:
        return self.of

    @property
    def stable_samples(self) -> int:
        return self.stable_of

    @property
    def value(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def stable_value(self) -> float | None:
        return self.stable_hits / self.stable_of if self.stable_of else None

    def against(self, bound: Bound, limit: float, weight: Weight) -> float:
        mine, stables = (self.hits, self.of), (self.stable_hits, self.stable_of)
        if bound is Bound.MAX:
            return evidence.rate_above(*mine, limit, weight)
        if bound is Bound.MIN:
            return evidence.rate_below(*mine, limit, weight)
        if bound is Bound.MAX_RATIO:
            return evidence.rates_apart(*mine, *stables, limit, weight)
        return evidence.rates_apart(*stables, *mine, evidence.inverse(limit), weight)

    def beyond(self, bound: Bound, limit: float) -> bool:
        return beyond(bound, limit, self.value, self.stable_value)

    def told(self) -> str:
        return figures.share(self.hits, self.of)

    def told_of_stable(self) -> str:
        return figures.share(self.stable_hits, self.stable_of)

    def in_units(self, limit: float) -> str:
        return f"{limit:.4g}"


@dataclass(frozen=True, slots=True)
class Number:
    """A value without known samples: a count, or what Prometheus answered. It is taken at its word.

    ``grows`` says that it only rises, so that too little of it is to be waited for and no failure.
    """

    value: float | None
    stable_value: float | None = None
    grows: bool = False
    samples: int | None = None
    stable_samples: int | None = None
    among: int = 1
    example: str = ""
    early: bool = True

    def against(self, bound: Bound, limit: float, weight: Weight) -> float:
        if not self.beyond(bound, limit):
            return -inf
        return 0.0 if self.grows and not bound.is_upper else inf

    def beyond(self, bound: Bound, limit: float) -> bool:
        return beyond(bound, limit, self.value, self.stable_value)

    def told(self) -> str:
        return figures.number(self.value)

    def told_of_stable(self) -> str:
        return figures.number(self.stable_value)

    def in_units(self, limit: float) -> str:
        return figures.number(limit)


def beyond(bound: Bound, limit: float, value: float | None, stable: float | None) -> bool:
    """A value that is not there is beyond nothing; beside a stable value of 0, anything more is."""
    if value is None or (bound.is_ratio and stable is None):
        return False
    at = limit * (stable or 0.0) if bound.is_ratio else limit
    return value > at if bound.is_upper else value < at
