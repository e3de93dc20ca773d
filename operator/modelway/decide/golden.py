"""The verdict on golden requests: does the candidate answer known requests as it should?

The same requests go to stable. What fails there too says something about the golden requests and nothing about the
candidate: it is inconclusive, never a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan, prod
from typing import Any, Final

from .finding import State
from .golden_cases import Case, Cases, Expected, flat

FLOATING: Final = frozenset({"FP16", "FP32", "FP64", "BF16"})
NOT_NOW: Final = frozenset({0, 429, 503})  # no answer, or one that says: later
NOT_FOR_US: Final = frozenset({401, 403})
# A person who may not read a Secret must not be able to have it used either: the operator reads none, and knows no key.
NO_KEY: Final = (
    "Modelway reads no Secrets and sends golden requests without a key: let its pods ask the model's pods without one,"
    " or remove spec.rollout.gates.golden."
)
TOLD: Final = 3  # cases in the sentence
LONGEST: Final = 200  # characters of what a pod says


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Floating-point numbers may differ by ``absolute`` + ``relative`` · |expected|; everything else not at all."""

    absolute: float = 1e-4
    relative: float = 1e-3


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status of HTTP and the decoded JSON, or status 0 and the ``trouble`` in words
    that follow a name: "did not answer within 2 s"."""

    status: int
    document: Any = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """One case; the sentence names it."""

    name: str
    state: State
    sentence: str


@dataclass(frozen=True, slots=True)
class GoldenVerdict:
    """All cases together: one failure fails, one doubt makes the rest inconclusive."""

    state: State
    sentence: str
    cases: tuple[CaseVerdict, ...] = ()


def judge_golden(
    cases: Cases, tolerance: Tolerance, stable: Mapping[str, Answer] | None, candidate: Mapping[str, Answer]
) -> GoldenVerdict:
    """The verdict over the answers by case. ``stable`` is None where there is no stable revision: then cases without
    expected outputs only need an answer."""
    verdicts = tuple(_case(case, tolerance, stable, candidate) for case in cases.cases)
    failed = [each.sentence for each in verdicts if each.state is State.FAILED]
    doubts = [*cases.problems, *(each.sentence for each in verdicts if each.state is State.INCONCLUSIVE)]
    if failed:
        return GoldenVerdict(State.FAILED, _told(failed), verdicts)
    if doubts:
        return GoldenVerdict(State.INCONCLUSIVE, _told(doubts), verdicts)
    return GoldenVerdict(State.PASSED, f"{len(verdicts)} golden requests were answered as expected.", verdicts)


def _case(
    case: Case, tolerance: Tolerance, stable: Mapping[str, Answer] | None, candidate: Mapping[str, Answer]
) -> CaseVerdict:
    never = Answer(0, trouble="was not asked yet")
    mine, theirs = candidate.get(case.name, never), stable.get(case.name, never) if stable is not None else None

    def verdict(state: State, text: str) -> CaseVerdict:
        return CaseVerdict(case.name, state, f"case '{case.name}': {text}")

    if mine.status in NOT_NOW:
        return verdict(State.INCONCLUSIVE, f"the candidate {_said(mine)}; it will be asked again.")
    if mine.status in NOT_FOR_US:
        return verdict(State.INCONCLUSIVE, f"the candidate {_said(mine)}. {NO_KEY}")
    expected = case.expected
    if expected is None and theirs is not None:
        found = _outputs(theirs)
        if isinstance(found, str):
            remedy = f": correct key {case.name}.json" if 400 <= theirs.status < 500 else ""
            return verdict(State.INCONCLUSIVE, f"there is nothing to compare with: stable {found}{remedy}.")
        expected = tuple(found.values())
    fault = _fault(expected or (), mine, tolerance, "the candidate")
    if not fault:
        return verdict(State.PASSED, "as expected.")
    if theirs is None or case.expected is None:
        return verdict(State.FAILED, f"{fault}.")
    if theirs.status in NOT_NOW:
        return verdict(State.INCONCLUSIVE, f"{fault}; stable, which would tell whether that is new, {_said(theirs)}.")
    if _fault(expected or (), theirs, tolerance, "stable"):
        return verdict(State.INCONCLUSIVE, f"{fault}, but stable fails it too: correct key {case.name}.json.")
    return verdict(State.FAILED, f"{fault}, and stable answers as expected.")


def _fault(expected: tuple[Expected, ...], answer: Answer, tolerance: Tolerance, who: str) -> str:
    """What is wrong with an answer, or nothing."""
    given = _outputs(answer)
    if isinstance(given, str):
        return f"{who} {given}"
    for want in expected:
        got = given.get(want.name)
        if got is None:
            return f"output '{want.name}' is missing in {who}'s answer, which has {', '.join(given) or 'none'}"
        if want.datatype not in (None, got.datatype):
            return f"output '{want.name}' was {want.datatype}, {who} gives {got.datatype}"
        if want.shape not in (None, got.shape) or len(want.data) != len(got.data):
            was = list(want.shape) if want.shape is not None else f"{len(want.data)} elements"
            return f"output '{want.name}' was {was}, {who} gives {list(got.shape or ())}"
        if worst := _worst(want, got, tolerance, who):
            return worst
    return ""


def _worst(want: Expected, got: Expected, tolerance: Tolerance, who: str) -> str:
    """The element that is farthest beyond the tolerance, or nothing."""
    exact = (got.datatype or want.datatype) not in FLOATING
    excess = [_excess(a, b, tolerance, exact) for a, b in zip(want.data, got.data, strict=True)]
    wrong = sum(each > 0 for each in excess)
    if not wrong:
        return ""
    place = excess.index(max(excess))
    was, said = want.data[place], got.data[place]
    allowed = "none" if exact else f"{_allowed(was, tolerance):.3g}"
    count = f"{wrong} of {len(excess)} elements differ by more"
    index = _index(place, got.shape or (len(excess),))
    return f"output '{want.name}' {index} was {_shown(was)}, {who} says {_shown(said)} (tolerance {allowed}; {count})"


def _excess(want: Any, got: Any, tolerance: Tolerance, exact: bool) -> float:
    """How far beyond the tolerance; 0 or less is within. null is NaN, and equal to itself alone."""
    numbers = type(want) in (int, float) and type(got) in (int, float)  # true is no 1
    if exact or not numbers:
        return 0.0 if (numbers or type(want) is type(got)) and want == got else inf
    try:
        difference = abs(float(want) - float(got)) - _allowed(want, tolerance)
    except OverflowError:
        return inf  # a whole number that no float holds
    return inf if isnan(difference) else difference


def _allowed(want: Any, tolerance: Tolerance) -> float:
    return tolerance.absolute + tolerance.relative * abs(float(want)) if type(want) in (int, float) else 0.0


def _outputs(answer: Answer) -> dict[str, Expected] | str:
    """An answer's outputs by name, or what is wrong with it, as the end of a sentence."""
    if answer.status != 200:
        return _said(answer)
    listed = answer.document.get("outputs") if isinstance(answer.document, dict) else None
    if not isinstance(listed, list):
        return "answers without a list of outputs"
    outputs = {}
    for each in listed:
        output: dict[str, Any] = each if isinstance(each, dict) else {}
        name, shape = output.get("name"), output.get("shape")
        if not isinstance(name, str) or not isinstance(shape, list) or not all(map(_is_size, shape)):
            return "answers with an output that has no name or shape"
        try:
            data, _ = flat(output.get("data"))
        except ValueError as error:
            return f"answers with output '{name[:80]}', whose data {error}"
        if prod(shape) != len(data):
            return f"answers with output '{name[:80]}' of shape {shape[:8]} and {len(data)} elements"
        outputs[name] = Expected(name, tuple(data), str(output.get("datatype"))[:16], tuple(shape))
    return outputs


def _is_size(size: Any) -> bool:
    return type(size) is int and size >= 0


def _said(answer: Answer) -> str:
    if not answer.status:
        return answer.trouble[:LONGEST]
    error = answer.document.get("error") if isinstance(answer.document, dict) else None
    return f"answers {answer.status}" + (f": {str(error)[:LONGEST].rstrip('.')}" if error else "")


def _index(place: int, shape: tuple[int, ...]) -> list[int]:
    index = []
    for size in reversed(shape):
        place, at = divmod(place, size)
        index.append(at)
    return index[::-1]


def _shown(value: Any) -> str:
    if type(value) is float:
        return f"{value:.6g}"
    return "null" if value is None else repr(value)[:40]


def _told(sentences: list[str]) -> str:
    more = len(sentences) - TOLD
    return " ".join(sentences[:TOLD]) + (f" And {more} more." if more > 0 else "")
