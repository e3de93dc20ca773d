"""How strongly counts speak against a limit, however often one looks.

An analysis looks every few seconds. A test that is right when asked once (a Wilson interval, a score test) is wrong far
more often when it is asked a hundred times and believed at its first yes. So these are *e-processes* (test
martingales): numbers that exceed 1/α at any time at all with a probability of at most α under any truth within the
limit (Ville 1939, "Étude critique de la notion de collectif"; Howard, Ramdas, McAuliffe and Sekhon 2021,
"Time-uniform, nonparametric, nonasymptotic confidence sequences"). Looking more often costs nothing.

Each function takes the weight to use: ``lasting``, the e-process, or ``passing``, the likelihood ratio, with which a
conventional test at 95% looks once (``SUSPICIOUS``; Wilks 1938). The first condemns, the second makes one wait.

The alternative is mixed over a Beta(½, ½) (Robbins 1970, "Statistical methods related to the law of the iterated
logarithm"; Jeffreys' prior, because error rates are small). All values are natural logarithms: 0 says that the limit
and its violation explain the counts equally well, ``CONCLUSIVE`` that there is no doubt left.

Simulated (``python -m tests.decide.test_false_alarms``; 4,000 rollouts, 100 looks each, 100 requests between two): a
candidate whose error rate is exactly the limit of 1% is condemned in 0.03% of the rollouts (by a Wilson interval of 95%
in 34%), one with a tenth of it never, one with twice the limit always. One that always fails is caught after 2
requests, with 50% errors after 3, 10% after 45, 5% after 152 (medians).

What it supposes is that requests are independent. A hiccup that slows fifty requests in a row looks like fifty
witnesses; against that there is ``failureLimit``, which wants several looks to say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, lgamma, log, pi, sqrt
from typing import Final

from modelway.measurement import Histogram

ALPHA: Final = 0.01
"""Of candidates exactly at a limit, at most this part fails a check in a step, however long the step is."""
CONCLUSIVE: Final = -log(ALPHA)
SUSPICIOUS: Final = 1.645**2 / 2
_LEAST: Final = 1e-6  # this and its inverse bound the ratios, whatever a user writes: 0 has no inverse
_POINTS: Final = 32  # at which a ratio of quantiles is tried: a hundredth apart where the two are 1.4 times apart


Weight = Callable[[float, float, float], float]
"""(hits, of, p): the evidence that the probability of a hit is not p."""


def lasting(hits: float, of: float, p: float) -> float:
    """Log of the mixture's likelihood over that of ``p``: a martingale if ``p`` is the probability of a hit."""
    mixture = lgamma(hits + 0.5) + lgamma(of - hits + 0.5) - lgamma(of + 1.0) - log(pi)
    return mixture - _log_likelihood(hits, p) - _log_likelihood(of - hits, 1.0 - p)


def passing(hits: float, of: float, p: float) -> float:
    """Log of the greatest likelihood over that of ``p``."""
    best = _log_likelihood(hits, hits / of) + _log_likelihood(of - hits, 1.0 - hits / of)
    return best - _log_likelihood(hits, p) - _log_likelihood(of - hits, 1.0 - p)


def rate_above(hits: float, of: float, limit: float, weight: Weight = lasting) -> float:
    """Evidence that the probability of a hit is above ``limit``, after ``hits`` of ``of`` requests."""
    if not of:
        return 0.0
    if limit < 0:
        return inf  # no probability is that small
    return weight(hits, of, min(hits / of, limit))


def rate_below(hits: float, of: float, limit: float, weight: Weight = lasting) -> float:
    """Evidence that the probability of a hit is below ``limit``."""
    return rate_above(of - hits, of, 1.0 - limit, weight)


def rates_apart(hits: int, of: int, other_hits: int, other_of: int, ratio: float, weight: Weight = lasting) -> float:
    """Evidence that the probability of a hit is more than ``ratio`` times that of the other revision.

    The product of both sides' evidence against a pair of rates, at the pair within the limit that explains the counts
    best: the maximum-likelihood estimate under p = ratio · q, which is the root of a quadratic equation (Miettinen and
    Nurminen 1985, "Comparative analysis of two rates", whose score test this is the sequential counterpart of).
    """
    if not of or not other_of:
        return 0.0
    ratio = _bounded(ratio)
    if hits / of <= ratio * other_hits / other_of:
        return weight(hits, of, hits / of) + weight(other_hits, other_of, other_hits / other_of)
    a = ratio * (of + other_of)
    b = ratio * (of + other_hits) + other_of + hits
    c = hits + other_hits
    other = min(2 * c / (b + sqrt(max(b * b - 4 * a * c, 0.0))), 1.0, 1.0 / ratio)
    return weight(hits, of, min(ratio * other, 1.0)) + weight(other_hits, other_of, other)


def quantile_above(latency: Histogram, q: float, seconds: float, weight: Weight = lasting) -> float:
    """Evidence that the ``q``-quantile is above ``seconds``, without any supposition about the distribution.

    If it is not, a request is slower with a probability of at most 1 - q (Howard and Ramdas 2022, "Sequential
    estimation of quantiles"). Only latencies that are longer for certain count, so a limit inside a bucket is enforced
    from the bucket's end on, at most a tenth later.
    """
    return rate_above(latency.surely_above(seconds), latency.count, 1.0 - q, weight)


def quantile_below(latency: Histogram, q: float, seconds: float, weight: Weight = lasting) -> float:
    """Evidence that the ``q``-quantile is below ``seconds``."""
    return rate_above(latency.surely_within(seconds), latency.count, q, weight)


def quantiles_apart(latency: Histogram, other: Histogram, q: float, ratio: float, weight: Weight = lasting) -> float:
    """Evidence that the ``q``-quantile is more than ``ratio`` times the other revision's.

    As ``rates_apart``: for every x that the other's quantile may be, the evidence against it times the evidence that
    ours is not below ratio · x; the x that explains both best decides. Between edges counts are interpolated, so the
    ratio is known to a tenth at worst; a candidate as fast as stable can't look slower than that.
    """
    ours, theirs = latency.quantile(q), other.quantile(q)
    if not ours or not theirs:
        return 0.0
    ratio = _bounded(ratio)
    lowest, highest = theirs, ours / ratio
    if highest <= lowest:
        return weight(q * latency.count, latency.count, q) + weight(q * other.count, other.count, q)
    growth = (highest / lowest) ** (1.0 / _POINTS)
    return min(
        weight(latency.within(ratio * x), latency.count, q) + weight(other.within(x), other.count, q)
        for x in (lowest * growth**step for step in range(_POINTS + 1))
    )


def inverse(ratio: float) -> float:
    """1 / ratio, also for ratios that have none."""
    return 1.0 / _bounded(ratio)


def _bounded(ratio: float) -> float:
    return min(max(ratio, _LEAST), 1.0 / _LEAST)


def _log_likelihood(times: float, p: float) -> float:
    """times · log p, where 0 · log 0 is 0: what cannot happen and did not is no evidence."""
    if times <= 0:
        return 0.0
    return times * log(p) if p > 0 else -inf
