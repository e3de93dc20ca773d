"""What a pod counts while one generation of the traffic document holds. Used in the event loop's thread only."""

import sys
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelserver.traffic.patience import FAIR_SECONDS

if TYPE_CHECKING:
    from modelserver.traffic.compare import Difference  # it brings NumPy, which the port need not wait for

SMALLEST_SECONDS, GROWTH, LAST = 50e-6, 1.1, 150
BOUNDS = tuple(SMALLEST_SECONDS * GROWTH**i for i in range(LAST))  # of buckets 0 to 149; all above is in bucket 150
FAILURES = ("unreachable", "timeout", "error", "overloaded", "rejected")
MOST_OUTPUTS = 64  # whose statistics are kept; a model's outputs are few, and a pod's memory is small
MOST_CLASSES = 64
LARGEST = sys.float_info.max  # stands for infinity, which JSON lacks
# Of an output, in the state's words. From the sums and squares over elements follow means and deviations.
SUMS = (
    "classes",
    "sameClass",
    "elements",
    "sumAbsolute",
    "stableSum",
    "stableSquares",
    "candidateSum",
    "candidateSquares",
)


class Latencies:
    """A sparse histogram whose buckets grow by a tenth: any quantile is known to within 5%."""

    __slots__ = ("buckets", "count", "sum")

    def __init__(self) -> None:
        self.count, self.sum = 0, 0.0
        self.buckets: dict[int, int] = {}

    def observe(self, seconds: float) -> None:
        self.count += 1
        self.sum += seconds
        bucket = bisect_left(BOUNDS, seconds)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def quantile(self, part: float) -> float | None:
        """The upper bound, in seconds, of the bucket that this part of the samples ends in; None without any."""
        seen, wanted = 0, part * self.count
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return BOUNDS[min(bucket, LAST - 1)]
        return None

    def told(self) -> dict[str, Any]:
        buckets = {str(bucket): self.buckets[bucket] for bucket in sorted(self.buckets)}
        return {"count": self.count, "sum": self.sum, "buckets": buckets}


@dataclass(slots=True)
class Own:
    """Requests that this pod answered with its own model: `errors` are 5xx, `rejected` 4xx."""

    requests: int = 0
    errors: int = 0
    rejected: int = 0
    latency: Latencies = field(default_factory=Latencies)

    def add(self, status: int, seconds: float, draining: bool, given: float | None = None) -> None:
        """`draining`: a 503 is then not the model's fault. `given`: the caller's time, in seconds; a 504 to one who
        gives less than anybody needs is not, either."""
        self.requests += 1
        self.latency.observe(seconds)
        if status >= 500:
            hurried = status == 504 and given is not None and given < FAIR_SECONDS
            self.errors += not ((draining and status == 503) or hurried)
        elif status >= 400:
            self.rejected += 1

    def told(self) -> dict[str, Any]:
        latency = self.latency.told()
        return {"requests": self.requests, "errors": self.errors, "rejected": self.rejected, "latency": latency}


@dataclass(slots=True)
class Forwarded:
    """Requests that this pod sent on; those that `failed` it then answered itself. `latency` is of the others."""

    requests: int = 0
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAILURES, 0))
    latency: Latencies = field(default_factory=Latencies)

    def told(self) -> dict[str, Any]:
        return {"requests": self.requests, "failed": dict(self.failed), "latency": self.latency.told()}


@dataclass(slots=True)
class OutputAgreement:
    """One output over all compared answers; the sums are over elements, or of their `classes` over rows."""

    compared: int = 0
    agreed: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    largest: dict[str, float] = field(default_factory=lambda: {"maxAbsolute": 0.0, "maxRelative": 0.0})
    classes: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    example: str = ""
    excess: float = -1.0

    def add(self, difference: "Difference") -> None:
        self.compared += 1
        self.agreed += difference.agreed
        for name, value in difference.sums.items():
            self.sums[name] = max(-LARGEST, min(self.sums[name] + value, LARGEST))
        for name, value in difference.largest.items():
            self.largest[name] = max(self.largest[name], value)
        for counted, seen in zip(self.classes, difference.classes, strict=True):
            _count(counted, seen)
        if not difference.agreed and difference.excess > self.excess:
            self.example, self.excess = difference.why, difference.excess

    def told(self) -> dict[str, Any]:
        stable, candidate = self.classes
        told: dict[str, Any] = {"compared": self.compared, "agreed": self.agreed, **self.sums, **self.largest}
        told |= {"stableClasses": stable, "candidateClasses": candidate}
        return told | ({"example": self.example} if self.example else {})


def _count(counted: dict[str, int], seen: Mapping[str, int]) -> None:
    for name, rows in seen.items():
        if name in counted or len(counted) < MOST_CLASSES:
            counted[name] = counted.get(name, 0) + rows


@dataclass(slots=True)
class Shadowed:
    """Copies for the candidate. Each is `dropped`, or `sent` and then `failed` or `compared`."""

    sent: int = 0
    dropped: int = 0
    failed: int = 0
    compared: int = 0
    agreed: int = 0
    failure: str = ""
    outputs: dict[str, OutputAgreement] = field(default_factory=dict)
    stable_latency: Latencies = field(default_factory=Latencies)
    candidate_latency: Latencies = field(default_factory=Latencies)

    def add(self, differences: "dict[str, Difference]", stable_seconds: float, candidate_seconds: float) -> bool:
        """Count two answers that were compared; whether they agree in all outputs."""
        agreed = all(difference.agreed for difference in differences.values())
        self.compared += 1
        self.agreed += agreed
        self.stable_latency.observe(stable_seconds)
        self.candidate_latency.observe(candidate_seconds)
        for name, difference in differences.items():
            if name in self.outputs or len(self.outputs) < MOST_OUTPUTS:
                self.outputs.setdefault(name, OutputAgreement()).add(difference)
        return agreed

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            name: getattr(self, name) for name in ("sent", "dropped", "failed", "compared", "agreed")
        }
        told["outputs"] = {name: output.told() for name, output in self.outputs.items()}
        told["stableLatency"], told["candidateLatency"] = self.stable_latency.told(), self.candidate_latency.told()
        return told | ({"failure": self.failure} if self.failure else {})


@dataclass(slots=True)
class Counts:
    """Of one generation; `since` is when it was applied, in seconds by `time.monotonic`."""

    generation: int
    since: float
    own: Own = field(default_factory=Own)
    forwarded: Forwarded = field(default_factory=Forwarded)
    shadow: Shadowed = field(default_factory=Shadowed)
