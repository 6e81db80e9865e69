"""A confidence sequence for a rate: it may be looked at after every observation."""

import numpy as np
from scipy.optimize import brentq
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
    marginal = float(betaln(k + 1, n - k + 1))
    limit = -np.log1p(-confidence)

    def excess(p: float) -> float:
        return marginal - float(xlogy(k, p) + xlog1py(n - k, -p)) - limit

    best, tiny = k / n, 1e-12
    lo = 0.0 if k == 0 else float(brentq(excess, tiny, best))
    hi = 1.0 if k == n else float(brentq(excess, best, 1 - tiny))
    return Interval(lo, hi)
