"""How far a candidate's answers moved as a whole: the metric ``distributionShift``.

``python -m tests.decide.test_shift`` prints how often a shift that is exactly at the limit is condemned, and how soon a
larger one is.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from math import sqrt

import pytest

from modelway.decide.evidence import CONCLUSIVE
from modelway.decide.finding import Bound, Finding, State
from modelway.decide.shift import of_output
from modelway.measurement import OutputAgreement, Report, Signature, Spread, Tensor
from tests.decide.reports import look, shadow, stable

PASSED, FAILED, INCONCLUSIVE = State.PASSED, State.FAILED, State.INCONCLUSIVE


def classes(before: dict[str, int], after: dict[str, int], same: int, rows: int = 0) -> OutputAgreement:
    """An output that scores classes: rows by class, and how many rows were of the same class."""
    count = rows or sum(before.values())
    spreads = Spread(classes=before), Spread(classes=after)
    return OutputAgreement(count, same, count, same, example="it differs", stable=spreads[0], candidate=spreads[1])


def numbers(mean: float, deviation: float, other: float, wide: float, count: int = 1000) -> OutputAgreement:
    """An output of one number an answer, with these means and deviations."""
    sides = [Spread(m * count, (d * d + m * m) * count) for m, d in ((mean, deviation), (other, wide))]
    return OutputAgreement(count, count, elements=count, stable=sides[0], candidate=sides[1])


def found(*outputs: OutputAgreement, metric: str = "distributionShift", **bounds: float) -> Finding:
    told = dict(zip("yz", outputs, strict=False))
    return look((stable(shadow=shadow(1000, 1000, **told)),), metric, **bounds)


EVEN = {"0": 500, "1": 500}

STORIES = (
    ("alike", classes(EVEN, EVEN, 1000), {"max": 0.05}, PASSED,
     "distributionShift 0 (1000 rows; class 0: 500, stable 500) is within max 0.05"),
    ("moved", classes(EVEN, {"0": 250, "1": 750}, 750), {"max": 0.05}, FAILED,
     "distributionShift 0.25 (1000 rows; class 0: 250, stable 500) is above max 0.05: output 'y': it differs"),
    ("to and fro", classes(EVEN, EVEN, 500), {"max": 0.05}, PASSED,
     "distributionShift 0 (1000 rows; class 0: 500, stable 500) is within max 0.05"),
    ("a little", classes(EVEN, {"0": 440, "1": 560}, 940), {"max": 0.05}, INCONCLUSIVE,
     "distributionShift 0.06 (1000 rows; class 0: 440, stable 500) is above max 0.05, though not beyond doubt yet: more"
     " requests will tell"),
    ("a class that nobody saw before", classes(EVEN, {"0": 500, "NaN": 500}, 500), {"max": 0.05}, FAILED,
     "distributionShift 0.5 (1000 rows; class 1: 0, stable 500) is above max 0.05: output 'y': it differs"),
    ("too few", classes({"0": 10}, {"1": 10}, 0), {"max": 0.05, "min_samples": 200}, INCONCLUSIVE,
     "distributionShift 1 (10 rows; class 0: 0, stable 10): 10 of 200 samples"),
    ("numbers alike", numbers(3.0, 1.0, 3.0, 1.0), {"max": 0.05}, PASSED,
     "distributionShift 0 at least (1000 answers; mean 3 ± 1, stable 3 ± 1) is within max 0.05"),
    ("numbers a deviation higher", numbers(3.0, 1.0, 4.0, 1.0), {"max": 0.05}, FAILED,
     "distributionShift 0.2 at least (1000 answers; mean 4 ± 1, stable 3 ± 1) is above max 0.05: output 'y': it"),
    ("a first few numbers", numbers(3.0, 1.0, 4.0, 1.0, count=20), {"max": 0.05}, INCONCLUSIVE,
     "distributionShift 0.2 at least (20 answers; mean 4 ± 1, stable 3 ± 1) is above max 0.05, though not"),
    ("a constant instead of numbers", numbers(3.0, 1.0, 5.0, 0.0), {"max": 0.05}, FAILED,
     "distributionShift 0.8 at least (1000 answers; mean 5 ± 0, stable 3 ± 1) is above max 0.05: output 'y': it"),
    ("a constant as before", numbers(3.0, 0.0, 3.0, 0.0), {"max": 0.05}, PASSED,
     "distributionShift 0 at least (1000 answers; mean 3 ± 0, stable 3 ± 0) is within max 0.05"),
    ("another constant", numbers(3.0, 0.0, 3.000001, 0.0), {"max": 0.05}, INCONCLUSIVE,
     "distributionShift: nothing is known of a distribution: the numbers do not vary, or are no floating-point ones."),
    ("whole numbers or texts", OutputAgreement(1000, 1000), {"max": 0.05}, INCONCLUSIVE,
     "distributionShift: nothing is known of a distribution: the numbers do not vary, or are no floating-point ones."),
    ("numbers whose squares no float holds", numbers(1e200, 1.0, 1e200, 1.0), {"max": 0.05}, INCONCLUSIVE,
     "distributionShift: nothing is known of a distribution"),
)  # fmt: skip


@pytest.mark.parametrize(("story", "output", "bounds", "state", "said"), STORIES, ids=[row[0] for row in STORIES])
def test_shifts(story: str, output: OutputAgreement, bounds: dict[str, float], state: State, said: str) -> None:
    finding = found(OutputAgreement(**{**_parts(output), "example": output.example or "it differs"}), **bounds)
    assert (finding.state, finding.sentence[: len(said)]) == (state, said)


def _parts(output: OutputAgreement) -> dict[str, object]:
    return {name: getattr(output, name) for name in OutputAgreement.__slots__}


def test_the_output_that_moved_most_counts_and_one_can_be_chosen() -> None:
    calm, moved = classes(EVEN, EVEN, 1000), numbers(3.0, 1.0, 5.0, 1.0)
    assert found(calm, moved, max=0.05).value == 0.5
    assert found(calm, moved, metric="distributionShift.y", max=0.05).state is PASSED
    assert found(calm, moved, metric="distributionShift.z", max=0.05).state is FAILED
    unknown = found(calm, moved, metric="distributionShift.x", max=0.05)
    assert (unknown.state, unknown.error) == (INCONCLUSIVE, True)
    assert unknown.sentence == "distributionShift.x: there is no such output; the answers have y, z."


@pytest.mark.parametrize("metric", ["shadowAgreement.x", "classAgreement.x", "distributionShift.x"])
def test_an_output_that_the_model_lacks_is_told_before_the_first_comparison(metric: str) -> None:
    signature = Signature(outputs=(Tensor("y", "FP32", (-1, 2)),))
    pods: tuple[Report, ...] = (stable(signature=signature),)
    told = look(pods, metric, max=0.1)
    assert told.sentence == f"{metric}: there is no such output; the answers have y."
    assert look(pods, metric.replace(".x", ".y"), max=0.1).samples == 0


@pytest.mark.parametrize("metric", ["classAgreement", "classAgreement.y"])
def test_an_output_without_classes_has_no_agreement_of_them(metric: str) -> None:
    told = found(numbers(3.0, 1.0, 3.0, 1.0), metric=metric, min=0.9)
    assert told.state is INCONCLUSIVE
    assert told.sentence.startswith(f"{metric}: nothing is known of classes: the rows hold one number each")


def test_classes_beyond_those_that_a_pod_counts_make_nothing_look_worse() -> None:
    """One side saw 64 other classes first, and counts no 65th; that is no difference between the two."""
    full = {str(place): 10 for place in range(64)}
    late = {str(place): 10 for place in range(1, 65)}
    finding = found(classes(full, late, 650, rows=650), max=0.05)
    assert (finding.state, finding.value) == (PASSED, 0.0)


def test_pods_are_added_up() -> None:
    one = classes({"0": 300, "1": 200}, {"0": 200, "1": 300}, 400)
    other = classes({"0": 200, "1": 300}, {"0": 300, "1": 200}, 400)
    together = of_output((one, other), 1, "")
    assert together is not None
    assert (together.value, together.samples) == (0.0, 1000)


LOOKS, ANSWERS = 60, 100


def condemned(story: Callable[[random.Random, int], list[tuple[float, float]]], limit: float, of_classes: bool,
              rollouts: int = 100) -> tuple[float, int]:  # fmt: skip
    """The part of the rollouts that are condemned at one of the looks, and the median number of answers it took."""
    chance, took = random.Random(7), []
    for _ in range(rollouts):
        counted = _Counted()
        for _ in range(LOOKS):
            counted.add(story(chance, ANSWERS))
            shift = of_output((counted.by_class if of_classes else counted.numbers,), 1, "")
            if shift and shift.against(Bound.MAX, limit, lambda a, b, c: 0.0) >= CONCLUSIVE:
                took.append(counted.count)
                break
    return len(took) / rollouts, sorted(took)[len(took) // 2] if took else 0


class _Counted:
    """Pairs of answers as a pod counts them."""

    def __init__(self) -> None:
        self.count = self.same = 0
        self.classes: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.sums, self.squares = [0.0, 0.0], [0.0, 0.0]

    def add(self, pairs: list[tuple[float, float]]) -> None:
        self.count += len(pairs)
        self.same += sum(a == b for a, b in pairs)
        for side in (0, 1):
            self.classes[side].update(str(pair[side]) for pair in pairs)
            self.sums[side] += sum(pair[side] for pair in pairs)
            self.squares[side] += sum(pair[side] ** 2 for pair in pairs)

    @property
    def by_class(self) -> OutputAgreement:
        return classes(*self.classes, self.same, self.count)

    @property
    def numbers(self) -> OutputAgreement:
        sides = [Spread(self.sums[side], self.squares[side]) for side in (0, 1)]
        return OutputAgreement(self.count, 0, elements=self.count, stable=sides[0], candidate=sides[1])


def digits(moved: float) -> Callable[[random.Random, int], list[tuple[float, float]]]:
    """Ten classes; of all rows that part becomes a nine."""

    def story(chance: random.Random, count: int) -> list[tuple[float, float]]:
        seen = [chance.randrange(10) for _ in range(count)]
        return [(one, 9 if one != 9 and chance.random() < moved / 0.9 else one) for one in seen]

    return story


def prices(higher: float) -> Callable[[random.Random, int], list[tuple[float, float]]]:
    """Skewed numbers, so many deviations higher, and drawn by themselves: chance plays its largest part."""

    def story(chance: random.Random, count: int) -> list[tuple[float, float]]:
        return [(chance.expovariate(1.0), chance.expovariate(1.0) + higher) for _ in range(count)]

    return story


def _deviations(limit: float) -> float:
    return 2.0 * sqrt(limit / (1.0 - limit))


@pytest.mark.parametrize(
    ("story", "of_classes"), [(digits(0.05), True), (prices(_deviations(0.05)), False)], ids=["classes", "numbers"]
)
def test_a_shift_exactly_at_the_limit_is_hardly_ever_condemned(story: Callable[..., object], of_classes: bool) -> None:
    assert condemned(story, 0.05, of_classes)[0] <= 0.01  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("story", "of_classes"), [(digits(0.15), True), (prices(_deviations(0.15)), False)], ids=["classes", "numbers"]
)
def test_one_three_times_as_large_is_always_found_out(story: Callable[..., object], of_classes: bool) -> None:
    part, answers = condemned(story, 0.05, of_classes, 20)  # type: ignore[arg-type]
    assert part == 1.0
    assert answers <= 1500


if __name__ == "__main__":
    for factor in (1.0, 1.5, 2.0, 3.0):
        for name, told in (("classes", condemned(digits(0.05 * factor), 0.05, True, 400)),
                           ("numbers", condemned(prices(_deviations(0.05 * factor)), 0.05, False, 400))):  # fmt: skip
            print(
                f"{name}, {0.05 * factor:.3g} where 0.05 is allowed: condemned {told[0]:.1%}, after {told[1]} answers"
            )
