"""How far the distribution of a candidate's answers is from that of stable's answers to the same requests.

The measure is the total variation distance: the largest difference between the probabilities that two distributions
give to any set of answers (Levin, Peres and Wilmer 2009, "Markov Chains and Mixing Times", §4.1). 0: they are alike, 1:
they have nothing in common.

- An output that scores classes: ½ Σ |p - q| over the classes, p and q being the shares of the rows in which stable and
  the candidate see the class. That no more rows differ than moved from one class to another, and how many those are,
  is known, because both answer the same requests; so chance plays a small part.
- Any other output of floating-point numbers: of these only means and deviations are known. What is told is the least
  distance that two distributions with them can have, Δ² / (Δ² + (σ + σ')²) (Nishiyama 2022, "Lower bounds for the total
  variation distance given means and variances of distributions"). The true one may be larger: a distribution that only
  grew wider, or has two peaks instead of one, is not noticed.

Simulated (``python -m tests.decide.test_shift``; 400 rollouts, 60 looks, 100 answers between two, max 0.05): a shift of
exactly 0.05 is condemned in 0% (classes) and 0.5% (numbers) of the rollouts, one of 0.1 in all, after 1,800 and 600
answers (medians), one of 0.15 after 800 and 200.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, log, log2, sqrt
from typing import Final

from modelway.measurement import OutputAgreement, Spread
from modelway.measurement.report import MOST_CLASSES

from .evidence import Weight
from .finding import Bound
from .readings import beyond

_OTHERS: Final = "others"
_FEWEST: Final = 30  # answers, below which the mean of numbers is not yet nearly normal
_VARIES: Final = 1e-9  # part of the mean square, below which a variance is rounding
_EXPECTED: Final = 0.04  # variance of the mixture: a mean that is a fifth of a deviation beyond the limit


@dataclass(frozen=True, slots=True)
class Shift:
    """A distance from 0 to 1, in ``words``; ``weigh`` gives the evidence that the true one is above a limit."""

    value: float | None
    samples: int
    words: str
    weigh: Callable[[float], float]
    among: int = 1
    example: str = ""
    early: bool = False
    stable_value: float | None = None

    @property
    def stable_samples(self) -> int:
        return self.samples

    def against(self, bound: Bound, limit: float, weight: Weight) -> float:
        """The evidence as a natural logarithm. There is a max only: nobody asks for two versions to differ."""
        return self.weigh(limit) if bound is Bound.MAX and self.beyond(bound, limit) else 0.0

    def beyond(self, bound: Bound, limit: float) -> bool:
        return beyond(bound, limit, self.value, None)

    def told(self) -> str:
        return self.words

    def told_of_stable(self) -> str:
        return self.words

    def in_units(self, limit: float) -> str:
        return f"{limit:.4g}"


def of_output(parts: Sequence[OutputAgreement], among: int, example: str) -> Shift | None:
    """Of one output, as several pods counted it; None where nothing can be told of its distribution."""
    if any(part.classes for part in parts):
        return _of_classes(parts, among, example)
    answers = sum(part.compared for part in parts)
    if not answers:
        return Shift(None, 0, "unknown (nothing counted yet)", lambda limit: 0.0, among)
    return _of_numbers(parts, answers, among, example)


def _of_classes(parts: Sequence[OutputAgreement], among: int, example: str) -> Shift:
    rows, same = sum(part.classes for part in parts), sum(part.same_class for part in parts)
    stable, candidate = _by_class(parts, rows)
    apart = {name: (candidate[name] - stable[name]) / rows for name in stable | candidate}
    value = sum(map(abs, apart.values())) / 2
    most = max(sorted(apart), key=lambda name: abs(apart[name]))
    words = f"{value:.4g} ({rows} rows; class {most}: {candidate[most]}, stable {stable[most]})"
    moved = (rows - same) / rows

    def weigh(limit: float) -> float:
        """Bernstein's inequality for the set of classes that differs most, of all sets (2 to the number of classes),
        at each doubling of the rows. A row counts where its class is another one, so ``moved`` bounds the variance."""
        over = value - limit
        exponent = rows * over * over / (2.0 * (moved + 2.0 * over / 3.0))
        return exponent - len(apart) * log(2.0) - 2.0 * log(1.0 + log2(rows))

    return Shift(value, rows, words, weigh, among, example)


def _by_class(parts: Sequence[OutputAgreement], rows: int) -> tuple[Counter[str], Counter[str]]:
    """Rows by class of stable and of the candidate. Where a pod had more classes than it counts, those that not all
    have counted are one: the distance is then no larger than the true one."""
    sides = [[part.stable.classes for part in parts], [part.candidate.classes for part in parts]]
    counted = [set(classes) for side in sides for classes in side]
    known = set.intersection(*counted) if any(len(each) >= MOST_CLASSES for each in counted) else set.union(*counted)
    found = []
    for side in sides:
        sums = Counter({name: sum(classes.get(name, 0) for classes in side) for name in known})
        if rest := rows - sums.total():
            sums[_OTHERS] = rest
        found.append(sums)
    return found[0], found[1]


def _of_numbers(parts: Sequence[OutputAgreement], answers: int, among: int, example: str) -> Shift | None:
    elements = sum(part.elements for part in parts)
    stable = _moments((part.stable for part in parts), elements)
    candidate = _moments((part.candidate for part in parts), elements)
    if stable is None or candidate is None:
        return None
    apart, wide = abs(candidate[0] - stable[0]), stable[1] + candidate[1]
    if not wide and apart:
        return None  # two constants: nothing tells a tiny difference from a large one
    value = apart * apart / (apart * apart + wide * wide) if apart else 0.0
    words = (
        f"{value:.4g} at least ({answers} answers; mean {candidate[0]:.4g} ± {candidate[1]:.4g},"
        f" stable {stable[0]:.4g} ± {stable[1]:.4g})"
    )

    def weigh(limit: float) -> float:
        """Robbins' normal mixture over the difference of the means beyond what the limit allows, an e-process as the
        number of answers grows (Waudby-Smith and others 2024, "Time-uniform central limit theory and asymptotic
        confidence sequences"). An answer is one sample, however many numbers it holds."""
        if answers < _FEWEST or limit >= 1.0:
            return 0.0
        over = apart - sqrt(limit / (1.0 - limit)) * wide
        square = answers * over * over / (stable[1] * stable[1] + candidate[1] * candidate[1])
        known = _EXPECTED * answers
        return 0.5 * (known / (1.0 + known) * square - log(1.0 + known))

    return Shift(value, answers, words, weigh, among, example)


def _moments(spreads: Iterable[Spread], elements: int) -> tuple[float, float] | None:
    """Mean and standard deviation; None without numbers, or with such that no float holds their squares."""
    totals = [(each.total, each.squares) for each in spreads]
    if not elements:
        return None
    mean, square = sum(total for total, _ in totals) / elements, sum(squares for _, squares in totals) / elements
    variance = square - mean * mean
    if not isfinite(variance):
        return None
    return mean, sqrt(variance) if variance > _VARIES * square else 0.0
