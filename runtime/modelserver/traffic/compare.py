"""Two answers to one request: where do they differ, and by how much? Pure: arrays in, values out.

Floating-point numbers agree where |a - b| ≤ absolute + relative · |a|, a being the stable revision's, and where both
are NaN or the same infinity; everything else agrees where it is equal. An output that is missing, or of another shape
or datatype, does not agree, and its sentence says so. Rows of floating-point numbers are also read as scores of
classes: the class is where the largest one is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from modelserver.inference import Array
from modelserver.tensors import FLOATING

LARGEST = float(np.finfo(np.float64).max)  # stands for infinity, which JSON lacks
LONGEST_TEXT = 60
NO_CLASS = -1


class Output(NamedTuple):
    """One output of an answer: a protocol's name of the datatype, and the elements (BF16 already widened)."""

    datatype: str
    array: Array


class Tolerance(NamedTuple):
    absolute: float
    relative: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one output. `why` and `excess` (how far beyond the tolerance) tell of the worst element where it disagrees.

    `sums`, `largest` and `classes` (of stable and of the candidate: rows by class) are what counts.py adds up; the
    largest differences are infinite where one of two numbers was not finite.
    """

    agreed: bool
    why: str = ""
    excess: float = 0.0
    sums: Mapping[str, float] = field(default_factory=dict)
    largest: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[Mapping[str, int], Mapping[str, int]] = ({}, {})


def compare(
    stable: Mapping[str, Output], candidate: Mapping[str, Output], tolerance: Tolerance
) -> dict[str, Difference]:
    """By the outputs' names, of both sides."""
    return {
        name: _missing(name in stable)
        if name not in stable or name not in candidate
        else of_output(stable[name], candidate[name], tolerance)
        for name in [*stable, *(name for name in candidate if name not in stable)]
    }


def of_output(stable: Output, candidate: Output, tolerance: Tolerance) -> Difference:
    """Of an output that both have."""
    if stable.datatype != candidate.datatype:
        return _other("datatype", stable.datatype, candidate.datatype)
    if stable.array.shape != candidate.array.shape:
        return _other("shape", list(stable.array.shape), list(candidate.array.shape))
    if stable.datatype in FLOATING:
        return _of_numbers(stable.array.astype(np.float64), candidate.array.astype(np.float64), tolerance)
    return _of_equals(stable.array, candidate.array)


def _missing(in_stable: bool) -> Difference:
    had, lacked = ("stable", "the candidate") if in_stable else ("the candidate", "stable")
    return Difference(False, f"it was answered by {had} and not by {lacked}", LARGEST)


def _other(what: str, stable: object, candidate: object) -> Difference:
    return Difference(False, f"its {what} was {stable} from stable and {candidate} from the candidate", LARGEST)


def _of_equals(a: Array, b: Array) -> Difference:
    equal = np.asarray(a == b)
    sums = {"elements": a.size}
    if equal.all():
        return Difference(True, sums=sums)
    return Difference(False, _element(a, b, int(equal.argmin())), float(a.size - equal.sum()), sums)


def _of_numbers(a: Array, b: Array, tolerance: Tolerance) -> Difference:
    if not a.size:
        return Difference(True)
    with np.errstate(all="ignore"):  # infinities and NaN are looked after one by one
        finite = np.isfinite(a) & np.isfinite(b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        distance = np.where(same, 0.0, np.abs(a - b))
        excess = np.where(same, 0.0, distance - (tolerance.absolute + tolerance.relative * np.abs(a)))
        excess = np.where(finite | same, excess, np.inf)
        sums, largest = _measures(a, b, distance, finite)
    if not (finite | same).all():
        largest = dict.fromkeys(largest, math.inf)
    stable, candidate = _classes(a), _classes(b)
    sums |= {"classes": len(stable), "sameClass": int((stable == candidate).sum())}
    worst = int(excess.argmax())
    agreed = not excess.flat[worst] > 0
    classes = _rows_by_class(stable), _rows_by_class(candidate)
    why = "" if agreed else _element(a, b, worst)
    return Difference(agreed, why, _bounded(excess.flat[worst]), sums, largest, classes)


def _measures(a: Array, b: Array, distance: Array, finite: Array) -> tuple[dict[str, float], dict[str, float]]:
    """`sums` and `largest` over the elements that are finite on both sides."""
    if not finite.all():
        a, b, distance = a[finite], b[finite], distance[finite]
    relative = np.where(a != 0, distance / np.abs(a), 0.0)
    sums: dict[str, float] = {
        "elements": a.size,
        "sumAbsolute": _bounded(distance.sum()),
        "stableSum": _bounded(a.sum()),
        "stableSquares": _bounded(np.square(a).sum()),
        "candidateSum": _bounded(b.sum()),
        "candidateSquares": _bounded(np.square(b).sum()),
    }
    largest = {"maxAbsolute": distance.max(initial=0.0), "maxRelative": relative.max(initial=0.0)}
    return sums, {name: _bounded(value) for name, value in largest.items()}


def _classes(scores: Array) -> Array:
    """The class of each row, where there are several to choose from; of a row with NaN, NO_CLASS."""
    if scores.ndim < 1 or scores.shape[-1] < 2:
        return np.empty(0, np.int64)
    rows = scores.reshape(-1, scores.shape[-1])
    classes: Array = np.where(np.isnan(rows).any(axis=1), NO_CLASS, rows.argmax(axis=1))
    return classes


def _rows_by_class(classes: Array) -> dict[str, int]:
    if classes.size == 1:  # the usual request: one row
        return {_class_name(int(classes[0])): 1}
    found, counts = np.unique(classes, return_counts=True)
    return {_class_name(int(one)): int(count) for one, count in zip(found, counts, strict=True)}


def _class_name(place: int) -> str:
    return "NaN" if place == NO_CLASS else str(place)


def _element(a: Array, b: Array, position: int) -> str:
    place = [int(index) for index in np.unravel_index(position, a.shape)]
    where = f"element {place}" if place else "it"
    return f"{where} was {_told(a.flat[position])} from stable and {_told(b.flat[position])} from the candidate"


def _told(element: Any) -> str:
    if isinstance(element, float | np.floating):
        return f"{element:.6g}"
    text = repr(element.item() if isinstance(element, np.generic) else element)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


def _bounded(number: Any) -> float:
    plain = float(number)  # np.nan_to_num takes 15 µs for one number
    return max(-LARGEST, min(plain, LARGEST)) if plain == plain else 0.0
