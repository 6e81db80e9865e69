"""A confidence sequence for a rate: it may be looked at after every observation."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, xlog1py, xlogy

from ._intervals import CONFIDENCE, NO_DATA, Interval


def confidence_sequence(k: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Rates that the evidence at this moment does not refute, valid at all moments together.

    The beta-binomial mixture (prior uniform on the rate; Robbins 1970, Howard et al. 2021): a rate p is refuted once
    the marginal likelihood is 1 / (1 - confidence) times that of p, which happens at any time with at most that chance
    (Ville's inequality). Observations must be independent; those of one cluster are one.
    """
    if not 0 <= k <= n:
        raise ValueError(f"confidence sequence: {k} of {n} is impossible")
    if n == 0:
        return NO_DATA

    def excess(p: float) -> float:
        return float(_evidence(k, n, p)) + math.log1p(-confidence)

    best, tiny = k / n, 1e-12
    from scipy.optimize import brentq

    lo = 0.0 if k == 0 else float(brentq(excess, tiny, best))
    hi = 1.0 if k == n else float(brentq(excess, best, 1 - tiny))
    return Interval(lo, hi)


def needed_at_any_look(limit: float, failures: int = 0, confidence: float = CONFIDENCE) -> int:
    """Fewest independent observations whose `confidence_sequence` lies at or below ``limit``: `needed`, for looks.

    >>> [needed_at_any_look(limit) for limit in (0.5, 0.05, 0.02)]
    [8, 158, 451]
    """
    if not 0 < limit < 1:
        raise ValueError(f"needed_at_any_look: a limit of {limit} does not lie between 0 and 1")
    low, high = failures, failures + 1
    while confidence_sequence(failures, high, confidence).hi > limit:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if confidence_sequence(failures, middle, confidence).hi <= limit else (middle, high)
    return high


def refuted(k: ArrayLike, n: ArrayLike, rate: float, confidence: float = CONFIDENCE) -> NDArray[np.bool_]:
    """Whether each of many counts refutes the rate."""
    return np.asarray(_evidence(k, n, rate) > -math.log1p(-confidence))


def _evidence(k: ArrayLike, n: ArrayLike, rate: float) -> NDArray[np.float64]:
    """Logarithm of the marginal likelihood over that of the rate."""
    yes, all_ = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return np.asarray(betaln(yes + 1, all_ - yes + 1) - xlogy(yes, rate) - xlog1py(all_ - yes, -rate))
