"""Measured values in words."""

from __future__ import annotations

from typing import Final

from modelway.measurement import Histogram

UNKNOWN: Final = "unknown (nothing counted yet)"


def share(hits: int, of: int) -> str:
    """``0.08 (8 of 100)``."""
    return f"{hits / of:.4g} ({hits} of {of})" if of else UNKNOWN


def latency(latencies: Histogram, q: float) -> str:
    """``15.3 ms (812 requests)``."""
    value = latencies.quantile(q)
    return f"{milliseconds(value)} ({latencies.count} requests)" if value is not None else UNKNOWN


def milliseconds(seconds: float) -> str:
    """``15.3 ms``; three digits are what the histograms know."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds * 1e3:.0f} ms"


def number(value: float | None) -> str:
    """A number as a person would write it."""
    if value is None:
        return "unknown"
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"
