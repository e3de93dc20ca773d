"""The metrics of an analysis: what each is, and which of the pods' counts it is read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

from modelway.api.analysis import OUTPUT_METRICS, SHADOW_METRICS
from modelway.measurement import Answered, Forwarded, Histogram, OutputAgreement, Report, Shadow

from . import shift
from .latencies import Latency, LatencyRatio
from .readings import Number, Reading, Share

_NO_CLASSES: Final = "nothing is known of classes: the rows hold one number each, or no floating-point ones."
_NO_DISTRIBUTION: Final = "nothing is known of a distribution: the numbers do not vary, or are no floating-point ones."
_CAUSES: Final = {"timeout": "timed out", "error": "errors"}  # of those that need more than their name


@dataclass(frozen=True, slots=True)
class Sides:
    """The reports of both revisions about one generation of the traffic."""

    stable: tuple[Report, ...]
    candidate: tuple[Report, ...]

    @classmethod
    def of(cls, reports: Iterable[Report], stable: str, candidate: str, generation: int) -> Sides:
        """Reports about another generation count nothing: their counts are of other shares."""
        current = tuple(report for report in reports if report.generation == generation)
        return cls(
            tuple(report for report in current if report.revision == stable),
            tuple(report for report in current if report.revision == candidate),
        )

    @property
    def forwarded(self) -> tuple[Forwarded, ...]:
        return tuple(report.forwarded for report in self.stable)

    @property
    def shadows(self) -> tuple[Shadow, ...]:
        return tuple(report.shadow for report in self.stable)


def read(metric: str, sides: Sides) -> Reading | str:
    """The reading of a metric, or a sentence that says why there is none. ``shadowAgreement.probabilities`` is that
    of one output."""
    name, _, output = metric.partition(".")
    if name in OUTPUT_METRICS and output:
        return _of_output(name, output, sides)
    if metric not in METRICS:
        return f"There is no metric {metric[:80]!r}; there are {', '.join(METRICS)}."
    return METRICS[metric](sides)


def _error_rate(sides: Sides) -> Reading:
    """Callers' requests and shadows that the candidate was asked to answer and did not.

    Where nothing is forwarded (a gateway splits the traffic) the candidate's own counts stand in. Without the shadows a
    candidate that fails would be found only when callers meet it.
    """
    hits = sum(sum(one.failed.values()) for one in sides.forwarded)
    of = sum(one.requests for one in sides.forwarded)
    if not of:
        hits, of = _errors(_own(sides.candidate)), _requests(_own(sides.candidate))
    hits += sum(one.failed for one in sides.shadows)
    of += sum(one.failed + one.compared for one in sides.shadows)
    stables = _own(sides.stable)
    return Share(hits, of, _errors(stables), _requests(stables), example=_failures(sides))


def _failures(sides: Sides) -> str:
    """``7 unreachable, 2 timed out, 3 shadows without an answer (it closed the connection)``."""
    kinds: Counter[str] = Counter()
    for one in sides.forwarded:
        kinds.update(one.failed)
    told = [f"{count} {_CAUSES.get(kind, kind)}" for kind, count in kinds.most_common() if count]
    copies = sum(one.failed for one in sides.shadows)
    why = next((f" ({one.failure})" for one in sides.shadows if one.failure), "")
    return ", ".join(told + [f"{copies} shadows without an answer{why}"] * bool(copies))


def _rejected_rate(sides: Sides) -> Reading:
    mine, stables = _own(sides.candidate), _own(sides.stable)
    return Share(_rejected(mine), _requests(mine), _rejected(stables), _requests(stables))


def _latency(q: float) -> Callable[[Sides], Reading]:
    return lambda sides: Latency(_latencies(_own(sides.candidate)), _latencies(_own(sides.stable)), q)


def _number_of_requests(sides: Sides) -> Reading:
    mine, stables = _requests(_own(sides.candidate)), _requests(_own(sides.stable))
    return Number(float(mine), float(stables), grows=True)


def _shadow_agreement(sides: Sides) -> Reading:
    """An answer that did not come does not agree."""
    agreed = sum(one.agreed for one in sides.shadows)
    asked = sum(one.compared + one.failed for one in sides.shadows)
    return Share(agreed, asked, example=_example(sides))


def _class_agreement(sides: Sides) -> Reading | str:
    """That of the output that agrees least: a mean over outputs would hide one behind the others."""
    shares = [_classes(name, sides) for name in _outputs(sides)]
    known = [share for share in shares if share.value is not None]
    if shares and not known:
        return f"classAgreement: {_NO_CLASSES}"
    return min(known, key=lambda share: share.value or 0.0) if known else Share(0, 0)


def _shadow_latency_ratio(sides: Sides) -> Reading:
    mine = _merged(one.candidate_latency for one in sides.shadows)
    return LatencyRatio(mine, _merged(one.stable_latency for one in sides.shadows), 0.5)


def _distribution_shift(sides: Sides) -> Reading | str:
    """That of the output that moved most."""
    names = _outputs(sides)
    if not names:
        return Share(0, 0)
    told = [shift.of_output(_agreements(name, sides), len(names), _example(sides, name)) for name in names]
    known = [each for each in told if each is not None]
    return max(known, key=lambda each: each.value or 0.0) if known else f"distributionShift: {_NO_DISTRIBUTION}"


def _of_output(metric: str, output: str, sides: Sides) -> Reading | str:
    known = _outputs(sides) or _signed(sides)
    if known and output not in known:
        return f"{metric}.{output}: there is no such output; the answers have {', '.join(known)}."
    if metric == "classAgreement":
        share = _classes(output, sides, among=1)
        return share if share.of or not _outputs(sides) else f"{metric}.{output}: {_NO_CLASSES}"
    parts = _agreements(output, sides)
    if metric == "distributionShift":
        return shift.of_output(parts, 1, _example(sides, output)) or f"{metric}.{output}: {_NO_DISTRIBUTION}"
    return Share(sum(one.agreed for one in parts), sum(one.compared for one in parts), example=_example(sides, output))


def _classes(output: str, sides: Sides, among: int = 0) -> Share:
    parts = _agreements(output, sides)
    hits, of = sum(one.same_class for one in parts), sum(one.classes for one in parts)
    return Share(hits, of, among=among or len(_outputs(sides)), example=_example(sides, output))


def _outputs(sides: Sides) -> tuple[str, ...]:
    return tuple(sorted({name for shadow in sides.shadows for name in shadow.outputs}))


def _signed(sides: Sides) -> tuple[str, ...]:
    """The outputs that stable's model has, where nothing was compared yet."""
    found = next((report.signature for report in sides.stable if report.signature), None)
    return tuple(sorted(each.name for each in found.outputs)) if found else ()


def _agreements(output: str, sides: Sides) -> tuple[OutputAgreement, ...]:
    return tuple(shadow.outputs[output] for shadow in sides.shadows if output in shadow.outputs)


def _example(sides: Sides, only: str = "") -> str:
    """The example of the output that disagreed most often."""
    told = [
        (one.agreed - one.compared, name, one.example)
        for name in ([only] if only else _outputs(sides))
        for one in _agreements(name, sides)
        if one.example
    ]
    if told:
        return f"output '{min(told)[1]}': {min(told)[2]}"
    failures = [shadow.failure for shadow in sides.shadows if shadow.failure]
    return f"no answer came: {failures[0]}" if failures else ""


def _own(reports: Iterable[Report]) -> tuple[Answered, ...]:
    return tuple(report.own for report in reports)


def _requests(answered: Iterable[Answered]) -> int:
    return sum(one.requests for one in answered)


def _errors(answered: Iterable[Answered]) -> int:
    return sum(one.errors for one in answered)


def _rejected(answered: Iterable[Answered]) -> int:
    return sum(one.rejected for one in answered)


def _latencies(answered: Iterable[Answered]) -> Histogram:
    return _merged(one.latency for one in answered)


def _merged(histograms: Iterable[Histogram]) -> Histogram:
    return reduce(Histogram.merged, histograms, Histogram())


METRICS: Final[Mapping[str, Callable[[Sides], Reading | str]]] = {
    "errorRate": _error_rate,
    "rejectedRate": _rejected_rate,
    "latencyP50": _latency(0.5),
    "latencyP95": _latency(0.95),
    "latencyP99": _latency(0.99),
    "requests": _number_of_requests,
    "shadowAgreement": _shadow_agreement,
    "classAgreement": _class_agreement,
    "distributionShift": _distribution_shift,
    "shadowLatencyRatio": _shadow_latency_ratio,
}
OF_SHADOWS: Final = SHADOW_METRICS | {"errorRate"}
"""What a shadow step measures; an error rate has callers' requests, too."""
OF_SHARES: Final = frozenset(METRICS) - SHADOW_METRICS
"""What a share of the traffic measures."""
