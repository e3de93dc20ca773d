"""How long a forwarded request may take before this pod answers it itself. Pure.

A candidate may be slower than the stable revision and still be judged by its answers: that is what the analysis is
for. But nobody shall wait for one that hangs. Ten times what the stable revision takes at its worst, and at least two
seconds, tells slow from hanging; a caller who gave a time gets at least half of it for this pod's own answer.
What that leaves the candidate may be too little for anybody: no answer in it says nothing of the candidate.
"""

from typing import NamedTuple

LEAST_SECONDS, MOST_SECONDS = 2.0, 60.0
TIMES_STABLE = 10.0
CALLERS_PART = 0.5
# Below this, and below so many times a slow answer of ours, no answer is the caller's hurry: three calls with a time of
# 1 ms would else keep everybody from the candidate, and count against it.
FAIR_SECONDS, FAIR_TIMES_STABLE = 0.01, 3.0


class Patience(NamedTuple):
    """`fair`: whether no answer within these `seconds` is the candidate's failure."""

    seconds: float
    fair: bool = True


def patience(caller: float | None, stable: float | None) -> Patience:
    """`caller`: seconds left of the time that the caller gave; `stable`: what a slow answer of ours takes."""
    seconds = LEAST_SECONDS if stable is None else min(max(LEAST_SECONDS, TIMES_STABLE * stable), MOST_SECONDS)
    if caller is None:
        return Patience(seconds)
    seconds = min(seconds, max(caller, 0.0) * CALLERS_PART)
    return Patience(seconds, seconds >= max(FAIR_SECONDS, FAIR_TIMES_STABLE * (stable or 0.0)))
