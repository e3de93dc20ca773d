"""Which requests are traced. Pure.

W3C Trace Context (https://www.w3.org/TR/trace-context/#traceparent-header) and OpenTelemetry's samplers
(https://opentelemetry.io/docs/specs/otel/trace/sdk/#built-in-samplers).
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
SAMPLED = 1  # of the flags


class Parent(NamedTuple):
    """The caller's span, in hexadecimal, and whether the caller records it."""

    trace: str
    span: str
    sampled: bool


def parent_of(traceparent: str) -> Parent | None:
    """None for what is not valid, as if it had not come."""
    found = TRACEPARENT.fullmatch(traceparent)
    if found is None or found[1] == "ff" or not int(found[2], 16) or not int(found[3], 16):
        return None
    return Parent(found[2], found[3], bool(int(found[4], 16) & SAMPLED))


def _ratio(trace: str, part: float) -> bool:
    """By the trace's last 56 bits, which are random, so that all services of a trace decide alike."""
    return int(trace[-14:], 16) < part * 2**56


# Does a request without a parent belong to the `part` that is traced? By the sampler's name without its prefix.
ROOTS: Mapping[str, Callable[[str, float], bool]] = {
    "always_on": lambda trace, part: True,
    "always_off": lambda trace, part: False,
    "traceidratio": _ratio,
}
PARENT_BASED = "parentbased_"
SAMPLERS = (*ROOTS, *(PARENT_BASED + name for name in ROOTS))


def samples(sampler: str, part: float, parent: Parent | None, trace: str) -> bool:
    """Whether to trace a request of `trace`; the kinds with a prefix do as the parent does, where there is one."""
    if parent is not None and sampler.startswith(PARENT_BASED):
        return parent.sampled
    return ROOTS[sampler.removeprefix(PARENT_BASED)](trace, part)
