"""What a pod said of itself: its signature, and what it counted since it applied this generation of the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from .histogram import Histogram

ANY: int = -1
"""A dimension that the model leaves open."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output; ``shape`` has -1 for a dimension that may be any. An ``optional`` input may be left out,
    an optional output may be missing from an answer."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.datatype} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives, in the model's own order."""

    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What a pod answered with its own model, shadows apart: ``errors`` are 5xx, ``rejected`` 4xx."""

    requests: int = 0
    errors: int = 0
    rejected: int = 0
    latency: Histogram = field(default_factory=Histogram)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a stable pod sent on to the candidate; ``failed``, by cause, it answered itself instead."""

    requests: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=Histogram)


MOST_CLASSES: Final = 64
"""Of which a pod counts the rows; rows of others are in the ``classes`` of an ``OutputAgreement`` alone."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What one side answered in one output: the sum and the sum of squares of its numbers (of those that were finite on
    both sides), and its rows by class (at most ``MOST_CLASSES``)."""

    total: float = 0.0
    squares: float = 0.0
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """How far the candidate's values of one output were from stable's, over all compared answers.

    ``classes`` counts the rows whose largest element was compared, ``same_class`` those where it was the same one.
    The differences are over all elements; infinite where one of two numbers was not finite. ``example`` is a sentence.
    ``elements`` counts the numbers of which ``stable`` and ``candidate`` tell.
    """

    compared: int = 0
    agreed: int = 0
    classes: int = 0
    same_class: int = 0
    max_absolute: float = 0.0
    max_relative: float = 0.0
    sum_absolute: float = 0.0
    example: str = ""
    elements: int = 0
    stable: Spread = field(default_factory=Spread)
    candidate: Spread = field(default_factory=Spread)


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a stable pod copied to the candidate after its reply. ``failed`` got no answer, the last one because
    of ``failure``; an answer agrees when all of its outputs do. The latencies are of the same requests."""

    sent: int = 0
    dropped: int = 0
    failed: int = 0
    compared: int = 0
    agreed: int = 0
    outputs: Mapping[str, OutputAgreement] = field(default_factory=dict)
    stable_latency: Histogram = field(default_factory=Histogram)
    candidate_latency: Histogram = field(default_factory=Histogram)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One pod's state. Counts are since it applied ``generation`` of the traffic document (0: none read yet), which
    was ``since`` seconds before; ``signature`` is None until the model is loaded."""

    pod: str
    uid: str
    revision: str
    digest: str
    generation: int
    ready: bool
    since: float
    taken_at: datetime
    signature: Signature | None = None
    own: Answered = field(default_factory=Answered)
    forwarded: Forwarded = field(default_factory=Forwarded)
    shadow: Shadow = field(default_factory=Shadow)
