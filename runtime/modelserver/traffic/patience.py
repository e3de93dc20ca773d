"""How long a forwarded request may take before this pod answers it itself. Pure.

A candidate may be slower than the stable revision and still be judged by its answers: that is what the analysis is
for. But nobody shall wait for one that hangs. Ten times what the stable revision takes at its worst, and at least two
seconds, tells slow from hanging; a caller who gave a time gets at least half of it for this pod's own answer.
"""

LEAST_SECONDS, MOST_SECONDS = 2.0, 60.0
TIMES_STABLE = 10.0
CALLERS_PART = 0.5


def patience(caller: float | None, stable: float | None) -> float:
    """Seconds. `caller`: what is left of the time that the caller gave; `stable`: what a slow answer of ours takes."""
    seconds = LEAST_SECONDS if stable is None else min(max(LEAST_SECONDS, TIMES_STABLE * stable), MOST_SECONDS)
    return seconds if caller is None else min(seconds, max(caller, 0.0) * CALLERS_PART)
