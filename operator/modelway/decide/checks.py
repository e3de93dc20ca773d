"""The checks of an analysis: what the pods report, held against the limits.

- **Failed** when the evidence against a bound is conclusive (``evidence``): of candidates exactly at their limit at
  most 1 in 100 ever fails a check in a step, however often one looks, and of healthy ones next to none. So
  ``failureLimit`` 0 is safe, and a bad candidate is caught at once: 12 failures of 12 need no 200 samples. Latencies do
  wait for ``minSamples``, for the first requests after a start are slow in every version.
- **Inconclusive** with fewer than ``minSamples``. Also where the value is beyond an absolute bound and chance may
  explain it ("0.02 (2 of 100) is above max 0.01"): more requests settle it, and a step should wait for them rather than
  go on. A ratio of two small counts jumps about, so it is in doubt only while a conventional test at 95% that looked
  but once would call it worse.
- **Passed** otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, log

from modelway.measurement import Report

from .evidence import CONCLUSIVE, SUSPICIOUS, lasting, passing
from .finding import Bound, Finding, Limit, State
from .metrics import OF_SHADOWS, OF_SHARES, Sides, read
from .readings import Number, Reading


def evaluate(
    limits: Iterable[Limit], reports: Iterable[Report], stable: str, candidate: str, generation: int
) -> tuple[Finding, ...]:
    """One finding for each limit, in their order. Only reports about this generation of the traffic count."""
    sides = Sides.of(reports, stable, candidate, generation)
    return tuple(_look(limit, sides) for limit in limits)


def measurable(limit: Limit, weight: float, shadow: float) -> bool:
    """Whether a step with this weight and this percentage of shadows measures the limit's metric at all.

    A check that nothing can feed would keep a step inconclusive for ever. A ratio also needs requests that stable
    answers. Metrics from elsewhere (Prometheus) are always there.
    """
    metric = limit.metric.partition(".")[0]
    if metric not in OF_SHADOWS | OF_SHARES:
        return True
    compared = weight < 100 or not any(bound.is_ratio for bound, _ in limit.bounds)
    return (metric in OF_SHARES and weight > 0 and compared) or (metric in OF_SHADOWS and shadow > 0)


def judge_number(limit: Limit, answer: float | str) -> Finding:
    """The finding of a number from elsewhere, or of the sentence that says why there is none."""
    if isinstance(answer, str):
        return _unknown(limit, answer)
    if not isfinite(answer):
        return _unknown(limit, f"{limit.name or limit.metric} is {answer}, which is no number to compare.")
    return judge(limit, Number(answer))


def judge(limit: Limit, reading: Reading) -> Finding:
    """The finding of a reading: the bound against which the evidence is strongest decides."""
    bounds = limit.bounds
    few = _few(limit, reading)
    certain = CONCLUSIVE + log(max(len(bounds) * reading.among, 1))  # Bonferroni: each bound may err
    evidence, bound, at = max((reading.against(bound, at, lasting), bound, at) for bound, at in bounds)
    if evidence >= certain and (reading.early or not few):
        return _finding(limit, reading, State.FAILED, _beyond(reading, bound, at) + _example(reading))
    if few:
        return _finding(limit, reading, State.INCONCLUSIVE, few)
    for bound, at in bounds:
        if _in_doubt(reading, bound, at):
            return _finding(limit, reading, State.INCONCLUSIVE, _beyond(reading, bound, at) + _to_come(reading))
    return _finding(limit, reading, State.PASSED, _within(reading, bounds))


def _look(limit: Limit, sides: Sides) -> Finding:
    reading = read(limit.metric, sides)
    return _unknown(limit, reading) if isinstance(reading, str) else judge(limit, reading)


def _finding(limit: Limit, reading: Reading, state: State, told: str) -> Finding:
    return Finding(
        metric=limit.metric,
        name=limit.name or limit.metric,
        state=state,
        sentence=f"{limit.name or limit.metric} {told}",
        value=reading.value,
        stable_value=reading.stable_value,
        samples=reading.samples or 0,
        dry_run=limit.dry_run,
    )


def _unknown(limit: Limit, why: str) -> Finding:
    name = limit.name or limit.metric
    return Finding(limit.metric, State.INCONCLUSIVE, why, name=name, dry_run=limit.dry_run, error=True)


def _few(limit: Limit, reading: Reading) -> str:
    """What is missing, or nothing."""
    if reading.samples is None:
        return ""
    if reading.samples < limit.min_samples:
        return f"{reading.told()}: {reading.samples} of {limit.min_samples} samples"
    compared = any(bound.is_ratio for bound, _ in limit.bounds)
    if compared and (reading.stable_samples or 0) < limit.min_samples:
        return f"{reading.told()}: {reading.stable_samples} of {limit.min_samples} samples of the stable revision"
    if compared and reading.samples and not reading.stable_samples:
        return f"{reading.told()}: the stable revision has answered nothing yet, so there is nothing to compare with"
    return ""


def _beyond(reading: Reading, bound: Bound, at: float) -> str:
    side = "above" if bound.is_upper else "below"
    if bound.is_ratio:
        return f"{_compared(reading)}, {side} {bound} {at:.4g}"
    return f"{reading.told()} is {side} {bound} {reading.in_units(at)}"


def _in_doubt(reading: Reading, bound: Bound, at: float) -> bool:
    return reading.beyond(bound, at) and (not bound.is_ratio or reading.against(bound, at, passing) >= SUSPICIOUS)


def _to_come(reading: Reading) -> str:
    return ": waiting for more" if reading.samples is None else ", though not beyond doubt yet: more requests will tell"


def _within(reading: Reading, bounds: tuple[tuple[Bound, float], ...]) -> str:
    if reading.samples == 0:
        return f"{reading.told()}, and minSamples asks for none"
    for bound, at in bounds:
        if reading.beyond(bound, at):
            return f"{_beyond(reading, bound, at)}, but by no more than chance explains"
    told = " and ".join(
        f"{bound} {at:.4g}" if bound.is_ratio else f"{bound} {reading.in_units(at)}" for bound, at in bounds
    )
    if any(bound.is_ratio for bound, _ in bounds):
        return f"{_compared(reading)}: within {told}"
    return f"{reading.told()} is within {told}"


def _compared(reading: Reading) -> str:
    """``15.3 ms (812 requests), 1.9 times stable's 8.1 ms (7300 requests)``."""
    mine, stables = reading.value, reading.stable_value
    times = f"{mine / stables:.3g} times" if mine is not None and stables else "against"
    return f"{reading.told()}, {times} stable's {reading.told_of_stable()}"


def _example(reading: Reading) -> str:
    return f": {reading.example}" if reading.example else ""
