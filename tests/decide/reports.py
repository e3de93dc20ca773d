"""Reports of pods as the checks' tests want them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from modelway.decide.checks import evaluate
from modelway.decide.finding import Finding, Limit
from modelway.measurement import Answered, Forwarded, Histogram, OutputAgreement, Report, Shadow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STABLE, CANDIDATE, GENERATION = "6f9c", "81ab", 7


def report(revision: str, generation: int = GENERATION, **parts: object) -> Report:
    """What one pod says."""
    return Report(f"digits-{revision}", "uid", revision, "", generation, True, 60.0, NOW, **parts)  # type: ignore[arg-type]


def latencies(median: float, count: int) -> Histogram:
    """Evenly on a logarithmic scale, from half to twice the median: the 95th percentile is 1.87 times the median."""
    return Histogram.of(median * 2.0 ** (2.0 * step / count - 1.0) for step in range(count))


def stable(requests: int = 9000, errors: int = 0, median: float = 0.010, **parts: object) -> Report:
    return report(STABLE, own=Answered(requests, errors, 0, latencies(median, requests)), **parts)


def candidate(requests: int = 1000, errors: int = 0, median: float = 0.010, **parts: object) -> Report:
    return report(CANDIDATE, own=Answered(requests, errors, 0, latencies(median, requests)), **parts)


def forwarded(requests: int, failed: int) -> Forwarded:
    return Forwarded(requests, {"error": failed} if failed else {}, Histogram())


def shadow(compared: int, agreed: int, failed: int = 0, example: str = "", **outputs: OutputAgreement) -> Shadow:
    told = outputs or {"probabilities": OutputAgreement(compared, agreed, compared, agreed, example=example)}
    mine, theirs = latencies(0.015, compared), latencies(0.010, compared)
    return Shadow(compared + failed, 0, failed, compared, agreed, told, theirs, mine)


def look(reports: Iterable[Report], metric: str = "errorRate", **bounds: float) -> Finding:
    """The finding of one limit."""
    return evaluate((Limit(metric, **bounds),), reports, STABLE, CANDIDATE, GENERATION)[0]  # type: ignore[arg-type]
